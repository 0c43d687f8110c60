// Modal dialogs. The browser keeps the focus inside, closes them by Escape and returns the focus.
import {$, button, element, iconButton, setText} from "./dom.js";

let count = 0;

// Messages of the page belong in the uppermost dialog: the page behind it is neither seen nor read out.
function placeNotices() {
  const uppermost = [...document.querySelectorAll("dialog[open]")].at(-1);
  if (uppermost) uppermost.append($("notices"));
  else $("main").before($("notices"));
}

// A press beside a dialog closes it, unless it has the attribute `data-keep`. A `cancel` event that is prevented keeps it open.
export function open(title, body, attributes = {}) {
  const id = `dialog-${count += 1}`;
  const leave = () => made.dispatchEvent(new Event("cancel", {cancelable: true})) && made.close();
  const made = element("dialog", {"aria-labelledby": id, ...attributes},
    element("div", {class: "dialog-head"}, element("h2", {id}, title), iconButton("close", "Close", leave)), ...body);
  const beside = ({target, clientX, clientY}) => {
    const box = made.getBoundingClientRect();
    return target === made && (clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom);
  };
  // Chrome lets a page prevent its own `cancel` events only so often: then Escape would close what asks before it closes.
  made.addEventListener("keydown", event => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    if (!event.repeat) leave();
  });
  let pressed = false;
  made.addEventListener("pointerdown", event => { pressed = beside(event); });
  made.addEventListener("click", event => pressed && beside(event) && !("keep" in made.dataset) && leave());
  made.addEventListener("close", () => { placeNotices(); made.remove(); });
  document.body.append(made);
  made.showModal();
  placeNotices();
  return made;
}

// Whether the person agrees.
export const confirmed = (title, text, verb, keep = "Keep it") => new Promise(resolve => {
  let agreed = false;
  const agree = () => { agreed = true; made.close(); };
  const made = open(title, [element("p", {}, text), element("div", {class: "actions end"},
    button(keep, () => made.close(), {autofocus: true}), button(verb, agree, {class: "primary danger"}))]);
  made.addEventListener("close", () => resolve(agreed));
});

// Whether the text of a field could be copied. Where it could not, it is selected.
async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {  // without permission or TLS
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}

// A text that is copied by a click.
export function copied(text, label) {
  const field = element("input", {readonly: true, value: text, "aria-label": label, onfocus: () => field.select()});
  const press = button("Copy", async () => {
    setText(press, await copy(field) ? "Copied" : "Press Ctrl+C");
    setTimeout(() => setText(press, "Copy"), 2000);
  });
  return element("div", {class: "copied"}, field, press);
}
