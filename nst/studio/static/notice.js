// Messages of the page: a banner while the server is away, short confirmations, words for screen readers.
import {$, setHidden, setText} from "./dom.js";

const AWAY = "The studio does not answer. Your images and runs are safe, and this page continues as soon as it does.";
let timer;

export function away(isAway) {
  if (isAway) return trouble(AWAY);
  setText($("away"), "");
  setHidden($("away"), true);
}

// What went wrong, until the next request that succeeds.
export function trouble(text) {
  setText($("away"), text);
  setHidden($("away"), false);
}

export function toast(...parts) {
  clearTimeout(timer);
  $("toast").replaceChildren(...parts);
  timer = setTimeout(() => $("toast").replaceChildren(), 7000);
}

export const say = text => setText($("live"), text);
