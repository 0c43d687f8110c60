// The list of runs.
import {$, element, icon, setHidden, setSource, setText} from "./dom.js";
import {watch} from "./watch.js";

export const STATES = {queued: "Queued", running: "Running", done: "Done", failed: "Failed", canceled: "Canceled"};
export const isActive = run => ["queued", "running"].includes(run.state);

export function showState(node, state) {
  setText(node, STATES[state]);
  if (node.dataset.state !== state) node.dataset.state = state;
}

function card(run) {
  return element("li", {}, element("a", {class: "run", href: run.url},
    element("span", {class: "thumbs"}), element("b"), element("span", {class: "state"}), element("span", {class: "text"}),
    element("progress", {max: 1, "aria-hidden": "true"})));
}

function update(node, run) {
  const [thumbs, title, state, text, bar] = node.firstChild.children;
  setText(title, run.title);
  showState(state, run.state);
  setText(text, run.text);
  bar.value = run.images ? run.done / run.images : 0;
  setHidden(bar, !isActive(run));
  const urls = run.thumbnails.slice(0, 4);
  if (thumbs.querySelectorAll("img").length !== urls.length)
    thumbs.replaceChildren(...urls.map(() => element("img",
      {alt: "", decoding: "async", loading: "lazy", onerror: event => { event.target.hidden = true; }})));
  if (!thumbs.children.length) thumbs.append(icon("image"));
  urls.forEach((url, index) => {
    const image = thumbs.children[index];
    if (image.getAttribute("src") !== url) image.hidden = false;  // also after an error of the last one
    setSource(image, url);
  });
}

export function watchRuns() {
  const cards = new Map(), list = $("run-list");
  watch("/api/runs", ({runs}) => runs.some(isActive) ? 3 : 30, ({runs}) => {
    for (const [id, node] of cards) if (!runs.some(run => run.id === id)) { node.remove(); cards.delete(id); }
    runs.forEach((run, index) => {
      if (!cards.has(run.id)) cards.set(run.id, card(run));
      const node = cards.get(run.id);
      update(node, run);
      if (list.children[index] !== node) list.insertBefore(node, list.children[index] || null);
    });
    list.querySelector(".empty")?.remove();
    if (!runs.length) list.append(element("li", {class: "empty"}, "No runs yet. What you start appears here, and stays when you close the page."));
  });
}
