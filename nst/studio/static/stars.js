// A rating from 0 to 5: a radio group.
import {element, icon} from "./dom.js";

let count = 0;

// `rated(stars)` is called for a choice; the result is the group and a function that shows a rating.
export function stars(label, rated) {
  const name = `stars-${count += 1}`;
  const nameOf = value => value ? `${value} ${value === 1 ? "star" : "stars"}` : "No rating";
  const radios = [0, 1, 2, 3, 4, 5].map(value => element("input", {type: "radio", name, value, class: "hidden", "aria-label": nameOf(value),
    onchange: () => { show(value); rated(value); }}));
  const node = element("div", {class: "stars", role: "radiogroup", "aria-label": label},
    ...radios.map((radio, value) => element("label", {title: value ? null : "No rating"}, radio, icon(value ? "star" : "close"))));
  function show(value) {
    node.dataset.stars = value;
    radios[value].checked = true;
  }
  return {node, show};
}
