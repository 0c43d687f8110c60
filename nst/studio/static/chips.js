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

  const shown = () => [...box.querySelectorAll(".chip")];
  // The other chips stay: a click on one of them may have begun, which ends the typing of this value.
  function add(given) {
    values.push(...given);
    input.before(...given.map(value => {
      const chip = element("span", {class: "chip"}, value,
        element("button", {type: "button", "aria-label": `Remove ${value}`, onclick: () => remove(chip)}, icon("close")));
      return chip;
    }));
    show();
  }
  function show() {
    input.placeholder = values.length ? "" : field.default || "none";
    box.classList.toggle("filled", values.length > 0);
  }
  function tell() { changed([...values, ...parts(input.value)]); }
  function take() {
    if (!input.value.trim()) return;
    add(parts(input.value));
    input.value = "";
  }
  function remove(chip) {
    values.splice(shown().indexOf(chip), 1);
    chip.remove();
    show();
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
      shown().at(-1).remove();
      show();
    }
  });
  return {node: box, set: given => { values = []; for (const chip of shown()) chip.remove(); input.value = ""; add(given); }};
}
