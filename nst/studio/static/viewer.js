// The large view of one of several images: by keys, buttons and swipes.
import {element, iconButton, setSource, setText} from "./dom.js";
import {open} from "./dialog.js";

const SWIPE = 45;

// `items()` gives the present list of `{src, alt, title, caption}`, `extra(index)` more elements for the foot of one.
export function view(items, index, extra = () => []) {
  const picture = element("img", {decoding: "async", draggable: "false"});
  const caption = element("p", {class: "caption"}), foot = element("div", {class: "actions"});
  const stage = element("div", {class: "stage"}, picture);
  const made = open(items()[index].title, [stage, element("div", {class: "foot"}, caption, foot)], {class: "viewer"});
  const heading = made.querySelector("h2");

  function refresh() {
    const {src, alt, title, caption: text} = items()[index];
    setSource(picture, src);
    picture.alt = alt;
    setText(heading, title);
    setText(caption, [items().length > 1 && `${index + 1} of ${items().length}`, text].filter(Boolean).join(" · "));
  }
  function go(step) {
    index = (index + step + items().length) % items().length;
    refresh();
    foot.replaceChildren(...extra(index));
  }

  if (items().length > 1) stage.append(
    iconButton("left", "Previous image", () => go(-1), {class: "round previous"}),
    iconButton("right", "Next image", () => go(1), {class: "round next"}));
  made.addEventListener("keydown", event => {
    if (event.target.matches("input") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowRight") go(1);
    else if (event.key === "ArrowLeft") go(-1);
  });
  let from = null;
  stage.addEventListener("pointerdown", event => { from = event.isPrimary ? event.clientX : null; });
  stage.addEventListener("pointerup", event => {
    const way = from === null ? 0 : event.clientX - from;
    from = null;
    if (Math.abs(way) > SWIPE) go(way < 0 ? 1 : -1);
  });
  go(0);
  return {refresh, closed: work => made.addEventListener("close", work)};
}
