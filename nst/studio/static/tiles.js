// What the tiles of contents and styles show and do.
import {open} from "./dialog.js";
import {button, element} from "./dom.js";
import {stem} from "./zone.js";

const picture = upload => element("img", {src: upload.preview, alt: "", decoding: "sync", draggable: "false"});
const about = text => element("p", {class: "about"}, text);
const percent = weight => `${Math.round(100 * weight)}%`;

export const keyOf = entry => entry.map(part => part.id).join("+");

export function contentTile(upload, masked, paint) {
  const name = stem(upload.name), label = `${masked ? "Edit mask" : "Mask"} of ${name}`;
  return {key: upload.id, name, images: [picture(upload), masked && element("span", {class: "badge"}, "mask")],
    about: about(`${upload.width} × ${upload.height}`),
    actions: [button(masked ? "Edit mask" : "Mask", paint, {class: "link", "aria-label": label})]};
}

export function styleTile(entry, uploads, {blend, separate, changed}) {
  const [first, second] = entry.map(part => uploads.get(part.id)), name = stem(first.name);
  if (!second) return {key: keyOf(entry), name, images: [picture(first)], about: about(`${first.width} × ${first.height}`),
    actions: blend ? [button("Blend", blend, {class: "link", "aria-label": `Blend ${name} with another style`})] : []};
  const images = [picture(first), picture(second)], text = about("");
  const show = () => {
    entry.forEach((part, index) => { images[index].style.flexGrow = part.weight; });
    text.textContent = `${percent(entry[0].weight)} · ${percent(entry[1].weight)}`;
    slider.setAttribute("aria-valuetext", `${percent(entry[0].weight)} ${name}, ${percent(entry[1].weight)} ${stem(second.name)}`);
  };
  const slide = () => {
    entry[0].weight = slider.value / 100;
    entry[1].weight = (100 - slider.value) / 100;
    show();
    changed();
  };
  const value = Math.round(100 * entry[0].weight);
  const slider = element("input", {type: "range", min: 5, max: 95, step: 5, value, "aria-label": `Share of ${name}`, oninput: slide});
  show();
  return {key: keyOf(entry), name: `${name} + ${stem(second.name)}`, images, about: text,
    actions: [slider, button("Separate", separate, {class: "link"})]};
}

// Asks which style is blended with the first; `chosen(other, keep)`: whether both stay as styles of their own as well.
export function choosePartner(first, others, chosen) {
  const keep = element("input", {type: "checkbox"});
  const choose = upload => () => { made.close(); chosen(upload, keep.checked); };
  const made = open(`Blend ${stem(first.name)} with…`, [
    element("div", {class: "choices"},
      ...others.map(upload => element("button", {type: "button", onclick: choose(upload)}, picture(upload), stem(upload.name)))),
    element("label", {class: "check"}, keep, "Use both on their own as well")]);
}
