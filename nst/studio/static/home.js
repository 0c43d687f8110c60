// The first page: what goes into a run, checked while it is put together, and the list of runs.
import {api} from "./api.js";
import "./device.js";
import {KEY, load, reconcile, request, save} from "./draft.js";
import {$, button, setHidden, setText} from "./dom.js";
import {Fields, presets} from "./fields.js";
import {paintMask} from "./mask.js";
import {toast} from "./notice.js";
import {watchRuns} from "./runs.js";
import {choosePartner, contentTile, keyOf, styleTile} from "./tiles.js";
import {Zone} from "./zone.js";

const WAIT = 300;
const form = JSON.parse($("form").textContent), draft = load(), uploads = new Map();
let wait, asked = 0, adding = 0;

// ---- contents and styles -------------------------------------------------------------------------------------------
const contents = new Zone("content", form, {
  added, redraw: draw,
  ordered: keys => { draft.contents = keys; changed(); },
  removed: id => discard([id]),
  cleared: () => discard([...draft.contents])
});
const styles = new Zone("style", form, {
  added, redraw: draw,
  ordered: keys => { draft.styles = keys.map(key => draft.styles.find(entry => keyOf(entry) === key)).filter(Boolean); changed(); },
  removed: key => {
    const gone = draft.styles.find(entry => keyOf(entry) === key);
    draft.styles = draft.styles.filter(entry => entry !== gone);
    const used = draft.styles.flat().map(part => part.id);
    discard(gone.map(part => part.id).filter(id => !used.includes(id)));
  },
  cleared: () => {
    const all = new Set(draft.styles.flat().map(part => part.id));
    draft.styles = [];
    discard([...all]);
  }
});

function added(upload) {
  adding += 1;
  uploads.set(upload.id, upload);
  changed();
}

// Removes uploads here at once, and then on the server; one that it cannot remove comes back.
async function discard(ids) {
  const masks = ids.map(id => draft.masks[id]).filter(Boolean);
  for (const id of [...ids, ...masks]) uploads.delete(id);
  changed();
  const answers = await Promise.allSettled([...ids, ...masks].map(id => api("DELETE", `/api/uploads/${id}`)));
  const failure = answers.find(answer => answer.status === "rejected" && answer.reason.status !== 404);
  if (!failure) return;
  toast(failure.reason.message);
  fetchUploads().catch(() => {});
}

// `first()` is called when the uploads are there, before they are shown.
async function fetchUploads(first = () => {}) {
  const before = adding, given = await api("GET", "/api/uploads");
  if (before !== adding) return fetchUploads(first);  // the answer may not have what was added meanwhile
  first();
  uploads.clear();
  for (const upload of given.uploads) uploads.set(upload.id, upload);
  changed();
}

function paint(content) {
  const old = draft.masks[content.id];
  paintMask(content, uploads.get(old), draft.styles.some(entry => entry.length > 1), mask => {
    if (mask) { adding += 1; uploads.set(mask.id, mask); draft.masks[content.id] = mask.id; }
    else delete draft.masks[content.id];
    if (old) discard([old]);
    else changed();
  });
}

function blend(entry) {
  const first = uploads.get(entry[0].id), others = draft.styles.filter(each => each.length === 1 && each !== entry);
  choosePartner(first, others.map(each => uploads.get(each[0].id)), (second, keep) => {
    const place = draft.styles.indexOf(entry), ids = [first.id, second.id], made = ids.map(id => ({id, weight: 0.5}));
    if (draft.styles.some(each => keyOf(each) === keyOf(made))) return toast("This blend is there already.");
    draft.styles.splice(place, 0, made);
    if (!keep) draft.styles = draft.styles.filter(each => each.length > 1 || !ids.includes(each[0].id));
    changed();
  });
}

function separate(entry) {
  const alone = entry.map(part => [{id: part.id, weight: 1}]).filter(each => !draft.styles.some(other => keyOf(other) === keyOf(each)));
  draft.styles.splice(draft.styles.indexOf(entry), 1, ...alone);
  changed();
}

function draw() {
  const several = draft.styles.filter(entry => entry.length === 1).length > 1;
  contents.draw(draft.contents.map(id => contentTile(uploads.get(id), Boolean(draft.masks[id]), () => paint(uploads.get(id)))));
  styles.draw(draft.styles.map(entry => styleTile(entry, uploads,
    {blend: several && (() => blend(entry)), separate: () => separate(entry), changed: check})));
}

// ---- settings ------------------------------------------------------------------------------------------------------
const fields = new Fields(form, (name, values) => {
  if (values.length) draft.settings[name] = values;
  else delete draft.settings[name];
  showSettings();
});
const DEFAULT = {name: "default", description: "Every setting has its default.", picture: form.default_picture, values: {}};
const press = presets([DEFAULT, ...form.presets], preset => {
  if (preset === DEFAULT) return reset();
  for (const name in presetValues()) delete draft.settings[name];
  draft.preset = preset.name;
  for (const [name, text] of Object.entries(presetValues())) draft.settings[name] = [text];
  fields.show(draft.settings);
  showSettings();
});

// The preset that was chosen last, also after some of its values are changed: they go with it.
function presetValues() { return form.presets.find(preset => preset.name === draft.preset)?.values || {}; }

function showSettings() {
  const isDefault = !Object.keys(draft.settings).length;
  const unchanged = Object.entries(presetValues()).every(([name, text]) => String(draft.settings[name]) === text);
  press(isDefault ? DEFAULT.name : unchanged ? draft.preset : "");
  setHidden($("reset"), isDefault);
  check();
}

function reset() {
  draft.settings = {};
  draft.preset = "";
  fields.show({});
  showSettings();
}

$("reset").addEventListener("click", () => { reset(); $("presets").focus(); });
$("run-title").value = draft.title;
$("run-title").addEventListener("input", event => { draft.title = event.target.value; save(draft); });

// ---- check and start -----------------------------------------------------------------------------------------------
function changed() {
  reconcile(draft, uploads);
  draw();
  check();
}

const complete = () => draft.contents.length > 0 && draft.styles.length > 0;

function check() {
  save(draft);
  clearTimeout(wait);
  $("go").disabled = true;
  const mine = asked += 1;  // earlier answers no longer count
  wait = setTimeout(async () => {
    try {
      const found = await api("POST", "/api/check", request(draft));
      if (mine === asked) summarize(found);
    } catch (error) {
      if (mine !== asked) return;
      setText($("summary"), error.message);
      if (error.status === 404) fetchUploads().catch(check);  // another tab or device removed an image
      else if (error.passing) wait = setTimeout(check, 1000 * error.wait);
    }
  }, WAIT);
}

const missing = () => draft.contents.length ? "Add a style." : draft.styles.length ? "Add a content." : "Add a content and a style to begin.";

let wrongField;
const correct = button("", () => fields.focus(wrongField), {class: "link bad"});

function summarize({text, problems}) {
  const others = fields.problems(draft.settings, problems), wrong = problems.filter(each => !others.includes(each));
  const of = names => others.filter(each => names.includes(each.field)).map(each => each.message).join(" ");
  contents.problem(complete() ? of(["contents", "masks"]) : "");
  styles.problem(complete() ? of(["styles"]) : "");
  wrongField = wrong[0]?.field;
  setText(correct, wrong.length === 1 ? "Correct one setting" : `Correct ${wrong.length} settings`);
  if (!wrong.length) setText($("summary"), complete() ? others.map(each => each.message).join(" ") || text : missing());
  else if (!correct.isConnected) $("summary").replaceChildren(correct);
  $("summary").classList.toggle("bad", complete() && others.length > 0);
  $("go").disabled = !complete() || problems.length > 0;
}

function starting(on) {
  setText($("go"), on ? "Starting…" : "Start");
  $("go").disabled = on;
}

$("new").addEventListener("submit", async event => {
  event.preventDefault();
  if ($("go").disabled) return;
  starting(true);
  try {
    const run = await api("POST", "/api/runs", request(draft));
    draft.title = "";
    save(draft);
    location.assign(run.url);
  } catch (error) {
    starting(false);
    toast(error.message);
    if ([400, 404].includes(error.status)) fetchUploads().catch(() => {});  // and check: problems appear beside the fields
  }
});

// A file dropped beside the zones must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, event => event.preventDefault());
// Another tab changed the draft.
addEventListener("storage", ({key}) => key === KEY && fetchUploads(takeOver).then(showSettings).catch(() => {}));

function takeOver() {
  const settings = JSON.stringify(draft.settings);
  Object.assign(draft, load());
  $("run-title").value = draft.title;
  if (JSON.stringify(draft.settings) !== settings) fields.show(draft.settings);  // not while a value is typed here
}

addEventListener("pageshow", event => event.persisted && location.reload());

async function begin() {
  try {
    await fetchUploads();
    contents.node.inert = styles.node.inert = false;
  } catch (error) {
    setText($("summary"), error.message);
    setTimeout(begin, 4000);
  }
}

fields.show(draft.settings);
showSettings();
begin();
watchRuns();
