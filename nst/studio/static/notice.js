// What the page says: a banner while the server is away, short confirmations, words for screen readers.
import {$, setHidden, setText} from "./dom.js";

const AWAY = "The studio does not answer. Your images and runs are safe, and this page continues as soon as it does.";
let timer;

export function away(isAway) {
  setText($("away"), isAway ? AWAY : "");
  setHidden($("away"), !isAway);
}

export function toast(...parts) {
  clearTimeout(timer);
  $("toast").replaceChildren(...parts);
  timer = setTimeout(() => $("toast").replaceChildren(), 7000);
}

export const say = text => setText($("live"), text);
