// A shared run: rows of equal height, and the large view.
import {aspect} from "./dom.js";
import {view} from "./viewer.js";

const links = [...document.querySelectorAll("#images .picture")];
const items = links.map(link => {
  const small = link.firstElementChild, [name, settings] = link.nextElementSibling.children;
  return {key: link.href, src: link.href, alt: small.alt, title: name.textContent, caption: settings?.matches("span") ? settings.textContent : ""};
});

for (const link of links) {
  const small = link.firstElementChild;
  const shape = (width, height) => width && height && link.parentNode.style.setProperty("--aspect", aspect(width, height));
  if (small.hasAttribute("width")) shape(small.getAttribute("width"), small.getAttribute("height"));
  else if (small.complete) shape(small.naturalWidth, small.naturalHeight);
  small.addEventListener("load", () => shape(small.naturalWidth, small.naturalHeight));
  link.addEventListener("click", event => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;  // a new tab or window
    event.preventDefault();
    view(() => items, link.href);
  });
}
