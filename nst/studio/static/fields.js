// The settings as form fields, generated from their declarations, and the presets that fill them.
import {$, element, setHidden, setText} from "./dom.js";
import {chips} from "./chips.js";
import {capitalized, nameOf, wordsOf} from "./names.js";

// Pills of which several may be on; all off is the default.
function pills(field, attributes, changed) {
  const boxes = field.choices.map(choice => element("input", {type: "checkbox", value: choice, class: "hidden"}));
  const node = element("div", {class: "pills", role: "group", ...attributes},
    ...boxes.map(box => element("label", {}, box, box.value || "none")));
  const set = values => boxes.forEach(box => { box.checked = (values.length ? values : [field.default]).includes(box.value); });
  node.addEventListener("change", () => {
    const values = boxes.filter(box => box.checked).map(box => box.value);
    if (!values.length) set([]);
    changed(values.length === 1 && values[0] === field.default ? [] : values);
  });
  return {node, set};
}

// One field. `set(values)` and `problem(text)` change it.
function make(field, changed) {
  const id = `set-${field.name}`, described = {"aria-describedby": `${id}-help ${id}-problem`};
  const tell = values => changed(field.name, values);
  const [control, label] = field.kind === "choice"
    ? [pills(field, {id, "aria-labelledby": `${id}-label`, ...described}, tell),
      element("span", {id: `${id}-label`, class: "label"}, nameOf(field.name))]
    : [chips(field, {id, ...described}, tell), element("label", {for: id, class: "label"}, nameOf(field.name))];
  const problem = element("p", {class: "problem", id: `${id}-problem`, hidden: true});
  const help = element("p", {class: "help", id: `${id}-help`}, capitalized(field.help.replaceAll("`", "").replaceAll("_", " ")));
  const node = element("div", {class: "field"}, label, control.node, problem, help);
  return {node, set: control.set, problem: text => {
    setText(problem, text);
    setHidden(problem, !text);
    node.classList.toggle("wrong", Boolean(text));
    node.querySelector("input[id]")?.setAttribute("aria-invalid", String(Boolean(text)));
  }};
}

export class Fields {
  // `changed(name, values)`: values of the default are [].
  constructor(form, changed) {
    this.all = new Map(form.groups.flatMap(group => group.fields).map(field => [field.name, make(field, changed)]));
    $("basic").append(...form.basic.filter(name => this.all.has(name)).map(name => this.all.get(name).node));
    this.groups = form.groups.map(group => {
      const names = group.fields.map(field => field.name).filter(name => !form.basic.includes(name));
      const mark = element("span", {class: "mark"});
      const node = element("details", {class: "group", hidden: !names.length}, element("summary", {}, group.title, mark),
        element("div", {class: "fields"}, ...names.map(name => this.all.get(name).node)));
      return {names, mark, node};
    });
    $("groups").append(...this.groups.map(group => group.node));
  }

  show(settings) {
    for (const [name, field] of this.all) field.set(settings[name] || []);
    this.mark(settings, []);
  }

  // Puts problems beside the fields; returns those that have none.
  problems(settings, problems) {
    for (const [name, field] of this.all) field.problem(problems.filter(each => each.field === name).map(each => each.message).join(" "));
    this.mark(settings, problems);
    return problems.filter(each => !this.all.has(each.field));
  }

  // What a folded group holds that one should know.
  mark(settings, problems) {
    for (const {names, mark} of this.groups) {
      const set = names.filter(name => settings[name]), wrong = problems.filter(each => names.includes(each.field)).length;
      setText(mark, wrong ? `${wrong} to correct` : set.map(name => `${wordsOf(name)} ${settings[name].join(", ")}`).join(" · "));
      mark.classList.toggle("wrong", wrong > 0);
    }
  }

  focus(name) {
    const node = this.all.get(name).node, folded = node.closest("details");
    if (folded) folded.open = true;
    node.querySelector("input").focus();
    node.scrollIntoView({block: "center"});
  }
}

// Cards, one of which may be chosen. The function that is returned shows which, by its name.
export function presets(list, chosen) {
  const picture = ({picture: src, name}) =>
    src ? element("img", {src, alt: "", loading: "lazy", decoding: "async"}) : element("span", {class: "blank"}, name.slice(0, 1));
  const cards = list.map(preset => element("button",
    {type: "button", class: "preset", "aria-pressed": "false", onclick: () => chosen(preset)},
    picture(preset), element("b", {}, nameOf(preset.name)), element("span", {}, preset.description)));
  list.forEach((preset, index) => $(preset.folded ? "other-presets" : "presets").append(cards[index]));
  return name => cards.forEach((card, index) => {
    card.setAttribute("aria-pressed", String(list[index].name === name));
    if (list[index].folded && list[index].name === name) card.closest("details").open = true;
  });
}
