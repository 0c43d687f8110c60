// Modal dialogs. The browser keeps the focus inside, closes them by Escape and returns the focus.
import {button, element, iconButton} from "./dom.js";

let count = 0;

export function open(title, body, attributes = {}) {
  const id = `dialog-${count += 1}`;
  const made = element("dialog", {"aria-labelledby": id, ...attributes},
    element("div", {class: "dialog-head"}, element("h2", {id}, title), iconButton("close", "Close", () => made.close())), ...body);
  made.addEventListener("pointerdown", event => event.target === made && made.close());  // the backdrop
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal();
  return made;
}

// Whether the person agrees.
export const confirmed = (title, text, verb) => new Promise(resolve => {
  let agreed = false;
  const agree = () => { agreed = true; made.close(); };
  const made = open(title, [element("p", {}, text), element("div", {class: "actions end"},
    button("Keep it", () => made.close(), {autofocus: true}), button(verb, agree, {class: "primary danger"}))]);
  made.addEventListener("close", () => resolve(agreed));
});

// A text that is copied by a click.
export function copied(text, label) {
  const field = element("input", {readonly: true, value: text, "aria-label": label, onfocus: () => field.select()});
  const copy = button("Copy", async () => {
    field.select();
    await navigator.clipboard?.writeText(text).catch(() => {});  // without permission or TLS, the text is selected
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  });
  return element("div", {class: "copied"}, field, copy);
}
