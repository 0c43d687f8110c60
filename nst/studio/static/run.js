// The page of one run: progress while it runs, and the images.
import {api} from "./api.js";
import "./device.js";
import {confirmed, copied} from "./dialog.js";
import {$, aspect, button, element, setHidden, setText} from "./dom.js";
import {say, toast} from "./notice.js";
import {actionsOf, altOf, Card, largeOf, lossesOf, titleOf} from "./pair.js";
import {isActive, showState} from "./runs.js";
import {shareDialog} from "./share.js";
import {view} from "./viewer.js";
import {watch} from "./watch.js";

const id = $("run").dataset.id, title = document.title, cards = new Map();
let run, viewer = null, said = "";

// A `work` that returns false has nothing to refresh.
const attempt = work => async () => {
  try {
    if (await work() !== false) refresh();
  } catch (error) {
    toast(error.message);
  }
};
const post = what => attempt(() => api("POST", `/api/runs/${id}/${what}`, {}));

// Made once and shown where they apply, so that polling does not move the focus.
const link = (text, attributes) => element("a", {class: "plain", ...attributes}, text);
const actions = {
  gallery: link("Open the gallery", {class: "primary"}),
  share: button("Share", () => shareDialog(id, run.shares)),
  all: link("Download all", {href: `/runs/${id}/download.zip`, download: ""}),
  publish: button("Publish", attempt(async () => {
    actions.publish.disabled = true;
    await api("POST", `/api/runs/${id}/publish`, {}).catch(error => {
      actions.publish.disabled = false;
      throw error;
    });
    toast("Publishing… The link appears here when it is done.");
  })),
  cancel: button("Cancel", post("cancel")),
  retry: button("Retry", post("retry")),
  remove: button("Delete", attempt(async () => {
    if (!await confirmed("Delete this run?", "Its images, its gallery and its links are removed for good.", "Delete")) return false;
    await api("DELETE", `/api/runs/${id}`);
    location.assign("/#runs");
    return false;
  }), {class: "plain bad"})
};
for (const node of Object.values(actions)) setHidden(node, true);  // until it is known which apply
$("actions").append(...Object.values(actions));

function showActions() {
  const active = isActive(run), some = run.pairs.some(pair => pair.whole);
  const applies = {
    gallery: run.gallery, share: some, all: some,
    publish: $("run").dataset.publish && run.gallery,
    cancel: active, retry: ["failed", "canceled"].includes(run.state), remove: !active
  };
  const focused = document.activeElement;
  for (const [name, node] of Object.entries(actions)) setHidden(node, !applies[name]);
  if (focused?.hidden) $("main").focus();
  actions.publish.disabled = run.publishing;
  setText(actions.publish, run.publishing ? "Publishing…" : run.published ? "Publish again" : "Publish");
  if (run.gallery) actions.gallery.href = run.gallery;
}

let publishedAt = "";

function showPublished() {
  if (publishedAt !== run.published) {
    publishedAt = run.published;
    const web = run.published.startsWith("http");
    $("published").replaceChildren("Published at ", web ? element("a", {href: run.published}, run.published) : element("code", {}, run.published));
    $("published").hidden = !run.published;
  }
}

const pictured = () => run.pairs.filter(pair => pair.image);
const items = () => pictured().map(pair => ({
  key: pair.key, state: pair.state, src: largeOf(run, pair), alt: altOf(pair), title: titleOf(pair),
  caption: [pair.settings, pair.state === "running" && `${pair.iteration} of ${pair.iterations}`, lossesOf(pair)].filter(Boolean).join(" · ")
}));

function look(key) {
  viewer = view(items, key, shown => actionsOf(id, run.pairs.find(pair => pair.key === shown)));
  viewer.closed(() => { viewer = null; });
}

// All images of a content have its shape, so that little moves when the next one appears.
function shape(content, {naturalWidth, naturalHeight}) {
  for (const card of cards.values()) if (card.pair.content === content) card.node.style.setProperty("--aspect", aspect(naturalWidth, naturalHeight));
}

function showPairs() {
  for (const pair of run.pairs) {
    if (!cards.has(pair.key)) {
      const card = new Card(id, pair, () => look(pair.key));
      card.picture.addEventListener("load", () => shape(pair.content, card.picture), {once: true});
      cards.set(pair.key, card);
      $("pairs").append(card.node);
    }
    cards.get(pair.key).update(pair, !isActive(run));
  }
}

function showProgress() {
  showState($("state"), run.state);
  setText($("text"), run.text);
  $("progress").value = run.images ? run.pairs.reduce((sum, pair) => sum + share(pair), 0) / run.images : 0;
  setHidden($("progress"), !isActive(run));
  setText($("message"), run.message);
  setHidden($("message"), !run.message);
  document.title = isActive(run) ? `${run.done} of ${run.images} · ${title}` : title;
  const news = [run.state, run.done, run.message].join();
  if (news !== said) say([run.text, run.message].filter(Boolean).join(". "));
  said = news;
}

const share = pair => pair.state === "done" ? 1 : pair.iterations ? pair.iteration / pair.iterations : 0;

function showCommands() {
  setHidden($("commands"), !run.commands.length);
  if (!$("command-list").children.length) $("command-list").append(...run.commands.map((text, index) => copied(text, `Command ${index + 1}`)));
}

function show(given) {
  if (!given) {
    $("main").replaceChildren(element("div", {class: "card"}, element("h1", {}, "This run is gone"),
      element("p", {}, "It was deleted, or belongs to another session. ", element("a", {href: "/#runs"}, "See your runs"))));
    return;
  }
  run = given;
  showProgress();
  showActions();
  showPublished();
  showPairs();
  showCommands();
  viewer?.refresh();
}

const pause = ({state}) => ({running: 1, queued: 3}[state] || 6);
const refresh = watch(`/api/runs/${id}`, pause, show);
