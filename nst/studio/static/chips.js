// A text field for several values, which become chips.
import {element, icon} from "./dom.js";

const parts = text => text.split(",").map(part => part.trim()).filter(Boolean);

// `changed(values)` is called at each keystroke, so that what is still being typed is checked as well.
export function chips(field, attributes, changed) {
  let values = [];
  const input = element("input", {...attributes, title: field.allowed,
    placeholder: field.default || "none", autocomplete: "off", autocapitalize: "off", spellcheck: "false"});
  const box = element("div", {class: "chips", onclick: event => event.target === box && input.focus()}, input,
    field.unit && element("span", {class: "unit"}, field.unit));

  function draw() {
    for (const old of box.querySelectorAll(".chip")) old.remove();
    input.before(...values.map((value, index) => element("span", {class: "chip"}, value,
      element("button", {type: "button", "aria-label": `Remove ${value}`, onclick: () => remove(index)}, icon("close")))));
    input.placeholder = values.length ? "" : field.default || "none";
    box.classList.toggle("filled", values.length > 0);
  }
  function tell() { changed([...values, ...parts(input.value)]); }
  function take() {
    if (!input.value.trim()) return;
    values.push(...parts(input.value));
    input.value = "";
    draw();
  }
  function remove(index) {
    values.splice(index, 1);
    draw();
    tell();
    input.focus();
  }

  input.addEventListener("input", () => {
    if (input.value.includes(",")) take();
    tell();
  });
  input.addEventListener("change", take);
  input.addEventListener("keydown", event => {
    if (event.key === "Enter") {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && !input.value && values.length) {
      event.preventDefault();
      input.value = values.pop();
      draw();
    }
  });
  return {node: box, set: given => { values = [...given]; input.value = ""; draw(); }};
}
