// Making and changing elements.

export const $ = id => document.getElementById(id);

// The shape of a card for an image: extreme ones are shown within a box, so that a panorama or a column fits the page.
export const aspect = (width, height) => Math.min(4, Math.max(0.4, width / height));

// element("a", {href: …}, child, "text"): strings become text nodes, never markup.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg", ICONS = new URL("icons.svg", import.meta.url);

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

export const button = (text, onclick, attributes = {}) => element("button", {type: "button", class: "plain", onclick, ...attributes}, text);

// A button with an icon; `label` is its name for screen readers and its tooltip.
export const iconButton = (name, label, onclick, attributes = {}) =>
  element("button", {type: "button", class: "round", "aria-label": label, title: label, onclick, ...attributes}, icon(name));

// These change the page only where something is new, so that polling neither moves the focus nor repeats announcements.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

export function setSource(image, url) {
  if (image.getAttribute("src") !== url) image.src = url;
}
