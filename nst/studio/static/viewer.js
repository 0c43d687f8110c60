// The large view of one of several images: by keys, buttons and swipes.
import {open} from "./dialog.js";
import {element, iconButton, setHidden, setSource, setText} from "./dom.js";
import {say} from "./notice.js";

const SWIPE = 45;

// `items()` gives the present list of `{key, state, src, alt, title, caption}`, which may grow; `extra(key)` gives more
// elements for the foot of one, and is called again when its state changes.
export function view(items, key, extra = () => []) {
  let shown = {};
  const place = () => items().findIndex(item => item.key === key);
  const picture = element("img", {decoding: "async", draggable: "false"});
  const caption = element("p", {class: "caption"}), foot = element("div", {class: "actions"});
  const stage = element("div", {class: "stage"}, picture);
  const made = open(items()[place()].title, [stage, element("div", {class: "foot"}, caption, foot)], {class: "viewer"});
  const heading = made.querySelector("h2");

  function refresh() {
    const all = items(), index = place(), item = all[index];
    if (!item) return made.close();
    setSource(picture, item.src);
    picture.alt = item.alt;
    setText(heading, item.title);
    setText(caption, [all.length > 1 && `${index + 1} of ${all.length}`, item.caption].filter(Boolean).join(" · "));
    for (const arrow of arrows) setHidden(arrow, all.length < 2);
    if (item.key !== shown.key || item.state !== shown.state) redrawFoot();
    shown = item;
  }
  function redrawFoot() {
    const focused = foot.contains(document.activeElement);
    foot.replaceChildren(...extra(key));
    if (focused) (foot.firstElementChild || made.querySelector("button")).focus();
  }
  function go(step) {
    const all = items();
    key = all[(place() + step + all.length) % all.length]?.key;
    refresh();
    say(shown.title);
  }

  const arrows = [
    iconButton("left", "Previous image", () => go(-1), {class: "round previous"}),
    iconButton("right", "Next image", () => go(1), {class: "round next"})];
  stage.append(...arrows);
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
  refresh();
  return {refresh, closed: work => made.addEventListener("close", work)};
}
