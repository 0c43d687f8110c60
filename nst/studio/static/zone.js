// A drop zone: uploads with their progress, samples, and the tiles of what is there.
import {api, send} from "./api.js";
import {arrange} from "./arrange.js";
import {confirmed} from "./dialog.js";
import {$, button, element, icon, iconButton, setHidden, setText} from "./dom.js";
import {say} from "./notice.js";

const AT_ONCE = 2;
const FEW = 3;  // images that are removed without a question

export const stem = name => name.replace(/\.[^.]+$/, "");

const megabytes = bytes => `${Math.round(bytes / 1e5) / 10} MB`;
const seconds = time => new Promise(resolve => { setTimeout(resolve, 1000 * time); });
const controls = node => [...node.querySelectorAll("button, input")];

export class Zone {
  // `added(upload)`, `ordered(keys)`, `removed(key)`, `cleared()` change the draft; `redraw()` calls `draw`.
  constructor(kind, {samples, quotas}, on) {
    Object.assign(this, {kind, quotas, on, jobs: new Set(), waiting: [], sending: 0, held: false, missed: false});
    this.node = $(kind);
    this.input = this.node.querySelector("input[type=file]");
    this.list = this.node.querySelector(".tiles");
    this.node.querySelector(".sign").append(icon("image"));
    setText(this.node.querySelector(".limits"), `JPEG, PNG, WebP, HEIC, AVIF or TIFF, up to ${megabytes(quotas.bytes)} each`);
    arrange(this.list, on.ordered);
    this.node.querySelector(".clear").addEventListener("click", () => this.clear());
    this.node.querySelector(".samples").append(...samples[kind].map(({name, url}) => element("button",
      {type: "button", "aria-label": `Add the sample ${stem(name)}`, title: name, onclick: () => this.sample(name)},
      element("img", {src: url, alt: "", width: 56, height: 56, decoding: "async"}))));
    setHidden(this.node.querySelector(".samples"), !samples[kind].length);
    this.listen();
  }

  listen() {
    this.input.addEventListener("change", () => { this.take(this.input.files); this.input.value = ""; });
    const over = on => this.node.classList.toggle("over", on);
    this.node.addEventListener("dragover", event => { event.preventDefault(); over(true); });
    this.node.addEventListener("dragleave", event => this.node.contains(event.relatedTarget) || over(false));
    this.node.addEventListener("drop", event => {
      event.preventDefault();
      over(false);
      this.problem(event.dataTransfer.files.length ? "" : "Drop image files; save an image of another page first.");
      this.take(event.dataTransfer.files);
    });
    this.list.addEventListener("pointerdown", event => { this.held = event.button === 0; });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => this.release());
  }

  release() {
    this.held = false;
    if (this.missed) setTimeout(this.on.redraw);  // after the click
    this.missed = false;
  }

  // Tiles of `{key, name, about, images, actions}`, before those of files on their way. The focus stays at the same control
  // of the same tile. A tile or slider that is being dragged is not taken away: `release` draws then.
  draw(entries) {
    this.missed = this.held;
    if (this.held) return;
    const pending = [...this.list.querySelectorAll(":scope > .pending")];
    const focused = document.activeElement, tile = this.list.contains(focused) ? focused.closest("li") : null;
    const place = tile && controls(tile).indexOf(focused);
    this.list.replaceChildren(...entries.map(entry => this.tile(entry)), ...pending);
    this.shape();
    if (!tile) return;
    const same = tile.isConnected ? tile : [...this.list.children].find(other => other.dataset.key === tile.dataset.key);
    ((same && controls(same)[place]) || controls(this.list)[0] || this.input).focus({preventScroll: true});
  }

  shape() {
    const tiles = this.list.children.length;
    this.node.classList.toggle("filled", tiles > 0);
    setHidden(this.node.querySelector(".clear"), tiles < 2);
  }

  tile({key, name, about, images, actions}) {
    return element("li", {class: "tile", "data-key": key},
      element("div", {class: "images"}, ...images, iconButton("grip", `Move ${name}: arrow keys`, null, {class: "round grip"}),
        iconButton("close", `Remove ${name}`, () => this.remove(key), {class: "round remove"})),
      element("p", {class: "name", title: name}, name), about, element("div", {class: "row"}, ...actions));
  }

  // The focus goes to the next tile, or to where images are added.
  remove(key) {
    const place = [...this.list.children].findIndex(tile => tile.dataset.key === key);
    this.on.removed(key);
    const next = this.list.children[place] || this.list.lastElementChild;
    (next?.querySelector("button") || this.input).focus();
  }

  async clear() {
    const count = this.list.children.length, what = this.node.querySelector("h2").textContent.toLowerCase();
    if (count > FEW && !await confirmed(`Remove all ${what}?`, "Runs that you started keep their images.", "Remove all", "Keep them")) return;
    for (const job of [...this.jobs]) this.stop(job);
    this.on.cleared();
    this.input.focus();
  }

  take(files) {
    for (const file of files) {
      const revoke = () => URL.revokeObjectURL(picture.src);
      const picture = element("img", {src: URL.createObjectURL(file), alt: "", onload: revoke, onerror: () => { revoke(); picture.remove(); }});
      const bar = element("progress", {max: 1, value: 0, "aria-label": `Upload of ${file.name}`});
      const note = element("p", {class: "about"}, "waiting");
      const stop = iconButton("close", `Remove ${stem(file.name)}`, () => this.stop(job), {class: "round remove"});
      const tile = element("li", {class: "tile pending"}, element("div", {class: "images"}, icon("image"), picture, bar, stop),
        element("p", {class: "name", title: file.name}, stem(file.name)), note);
      const job = {file, tile, bar, note, stopping: new AbortController()};
      this.list.append(tile);
      this.jobs.add(job);
      this.waiting.push(job);
    }
    this.shape();
    this.next();
  }

  next() {
    while (this.sending < AT_ONCE && this.waiting.length) this.upload(this.waiting.shift()).finally(() => { this.sending -= 1; this.next(); });
  }

  async upload(job) {
    const {file, bar, note, stopping: {signal}} = job;
    const progressed = share => {
      bar.value = share;
      setText(note, share < 1 ? `${Math.round(100 * share)}%` : "reading the image");
    };
    this.sending += 1;
    try {
      if (file.size > this.quotas.bytes)
        throw new Error(`This file has ${megabytes(file.size)}; at most ${megabytes(this.quotas.bytes)} are allowed.`);
      // Of a folder, or a file that was moved since it was chosen, sending would only report a failed connection.
      await file.slice(0, 1).arrayBuffer().catch(() => { throw new Error("This file cannot be read; choose it again."); });
      const made = await send(`/api/uploads?kind=${this.kind}&name=${encodeURIComponent(file.name)}`, file, {progressed, signal});
      // The server had stored it when it was stopped. One that cannot be removed comes back.
      if (job.stopped) return await api("DELETE", `/api/uploads/${made.id}`).catch(() => this.on.added(made));
      this.end(job);
      this.on.added(made);
      say(`${stem(file.name)} is added`);
    } catch (error) {
      if (job.stopped) return;
      if (error.status !== 429) return this.failed(job, error);
      progressed(0);
      setText(note, "waiting");
      this.waiting.unshift(job);
      await seconds(error.wait);
    }
  }

  // A file that is sent whole is not aborted: the server would store it, and only its answer has the id to remove it.
  stop(job) {
    job.stopped = true;
    if (job.bar.value < 1) job.stopping.abort();
    this.waiting = this.waiting.filter(other => other !== job);
    this.end(job);
  }

  // Takes the tile of an upload away. The focus does not vanish with it.
  end(job) {
    const focused = job.tile.contains(document.activeElement);
    this.jobs.delete(job);
    job.tile.remove();
    this.shape();
    if (focused) this.input.focus();
  }

  failed(job, error) {
    const {file, tile, bar, note} = job;
    const again = () => {
      tile.classList.remove("failed");
      row.remove();
      bar.hidden = false;
      note.className = "about";
      setText(note, "waiting");
      this.waiting.push(job);
      this.next();
    };
    const row = element("div", {class: "row"},
      error.passing && button("Try again", again, {class: "link"}), button("Dismiss", () => this.stop(job), {class: "link"}));
    tile.classList.add("failed");
    bar.hidden = true;
    note.className = "problem";
    setText(note, error.message);
    say(`${stem(file.name)}: ${error.message}`);
    tile.append(row);
  }

  async sample(name) {
    try {
      this.problem("");
      this.on.added(await api("POST", "/api/uploads/sample", {kind: this.kind, name}));
      say(`${stem(name)} is added`);
    } catch (error) {
      this.problem(error.message);
    }
  }

  problem(text) {
    setText(this.node.querySelector(":scope > .problem"), text);
    setHidden(this.node.querySelector(":scope > .problem"), !text);
  }
}
