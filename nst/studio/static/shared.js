// A shared run: rows of equal height, and the large view.
import {view} from "./viewer.js";

const links = [...document.querySelectorAll("#images .picture")];
const items = links.map(link => {
  const small = link.firstElementChild, [name, settings] = link.nextElementSibling.children;
  return {src: link.href, alt: small.alt, title: name.textContent, caption: settings?.matches("span") ? settings.textContent : ""};
});

links.forEach((link, index) => {
  const {width, height} = link.firstElementChild;
  link.parentNode.style.setProperty("--aspect", width / height);
  link.addEventListener("click", event => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;  // a new tab or window
    event.preventDefault();
    view(() => items, index);
  });
});
