// One image of a run: its card, which polling keeps up to date, and what can be done with it.
import {api} from "./api.js";
import {open} from "./dialog.js";
import {button, element, icon, iconButton, setHidden, setSource, setText} from "./dom.js";
import {toast} from "./notice.js";
import {stars} from "./stars.js";

const NEXT = [
  ["larger", "Larger", "with VGG-19 at 1024 px, or at twice the size"],
  ["more", "More style", "closer to the style"],
  ["less", "Less style", "closer to the content"]
];

const short = number => Number(number).toPrecision(3);
export const titleOf = pair => `${pair.content} × ${pair.style}`;
const described = (words, pair) => [words, pair.settings].filter(Boolean).join(", ");
export const altOf = pair => described(`${pair.content} in the style of ${pair.style}`, pair);
export const lossesOf = pair => Object.entries(pair.losses).map(([name, value]) => `${name} ${short(value)}`).join(" · ");
export const largeOf = (run, pair) => run.gallery && pair.state === "done" ? `/runs/${run.id}/images/${pair.key}/large.webp` : pair.image;

// What follows from this image: a new run that begins with it, or a content for other runs.
function continueWith(run, pair) {
  const attempt = work => async event => {
    event.currentTarget.disabled = true;
    try {
      await work();
    } catch (error) {
      toast(error.message);
    }
    made.close();
  };
  const again = change => attempt(async () => location.assign((await api("POST", `/api/runs/${run}/again`, {pair: pair.key, change})).url));
  const keep = attempt(async () => {
    await api("POST", `/api/runs/${run}/keep`, {pair: pair.key});
    toast("Added as a content. ", element("a", {href: "/"}, "Use it in a new run"));
  });
  const choice = (title, about, work) => element("button", {type: "button", class: "choice", onclick: work}, element("b", {}, title), about);
  const done = pair.state === "done";
  const made = open(`Continue with ${titleOf(pair)}`, [
    element("p", {}, done ? "A new run starts from this image." : "This image is not finished yet."),
    element("div", {class: "list"},
      ...NEXT.filter(() => done).map(([change, title, about]) => choice(title, about, again(change))),
      pair.snapshot && choice("Use as a content", "in other runs", keep))]);
}

export function actionsOf(run, pair) {
  return [
    pair.whole && element("a", {class: "plain", href: `${pair.whole}?save`, download: ""}, "Download"),
    (pair.state === "done" || pair.snapshot) && button("Continue…", () => continueWith(run, pair))
  ].filter(Boolean);
}

export class Card {
  constructor(run, pair, look) {
    this.rating = 0;  // requests on their way: what polling brings may be older
    const title = titleOf(pair), name = described(title, pair);
    let last = Promise.resolve();  // one request after another, so that the last choice is the one that is saved
    const rated = value => {
      this.rating += 1;
      last = last.then(() => api("PUT", `/api/runs/${run}/stars`, {pair: pair.key, stars: value}))
        .then(() => { this.pair.stars = value; }, error => toast(error.message))
        .finally(() => { if (!(this.rating -= 1)) this.stars.show(this.pair.stars); });
    };
    this.stars = stars(`Rating of ${name}`, rated);
    this.picture = element("img", {alt: "", decoding: "async", draggable: "false", hidden: true});
    this.note = element("span", {class: "note"});
    this.bar = element("progress", {max: 1, value: 0, "aria-label": `Progress of ${name}`});
    this.view = element("button", {type: "button", class: "picture", onclick: look}, this.picture, this.note, this.bar);
    this.detail = element("p", {class: "caption detail"});
    this.download = element("a", {class: "round", download: "", "aria-label": `Download ${name}`, title: "Download"}, icon("download"));
    this.more = iconButton("more", `Continue with ${name}`, () => continueWith(run, this.pair));
    this.row = element("div", {class: "row"}, this.stars.node, this.download, this.more);
    this.node = element("li", {class: "card-pair"}, this.view,
      element("p", {class: "caption"}, element("b", {}, title), pair.settings && element("span", {}, ` ${pair.settings}`)), this.detail, this.row);
  }

  // `ended`: whether the run has ended, so that what waits is never made.
  update(pair, ended) {
    this.pair = pair;
    const share = pair.iterations ? pair.iteration / pair.iterations : 0, running = pair.state === "running", done = pair.state === "done";
    const notMade = ended && pair.state === "waiting";
    if (this.node.dataset.state !== pair.state) this.node.dataset.state = pair.state;
    if (pair.image) setSource(this.picture, pair.image);
    setHidden(this.picture, !pair.image);
    const alt = done ? altOf(pair) : `${described(titleOf(pair), pair)}: newest frame`;
    if (this.picture.alt !== alt) this.picture.alt = alt;
    this.view.disabled = !pair.image;
    setHidden(this.note, Boolean(pair.image) && pair.state !== "failed" && !notMade);
    setText(this.note, {waiting: notMade ? "not made" : "waiting", running: "starting…", failed: "failed", done: ""}[pair.state]);
    this.bar.value = share;
    setHidden(this.bar, !running);
    setText(this.detail, pair.error || [pair.text, running && lossesOf(pair)].filter(Boolean).join(" · "));
    this.detail.classList.toggle("problem", Boolean(pair.error));
    setHidden(this.detail, !this.detail.textContent);
    setHidden(this.row, !done && !pair.snapshot);
    setHidden(this.stars.node, !done);
    setHidden(this.download, !pair.whole);
    if (pair.whole) this.download.href = `${pair.whole}?save`;
    if (!this.rating) this.stars.show(pair.stars);
  }
}
