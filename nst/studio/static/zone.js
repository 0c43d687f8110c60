// A drop zone: uploads with their progress, samples, and the tiles of what is there.
import {api, send} from "./api.js";
import {arrange} from "./arrange.js";
import {$, button, element, icon, iconButton, setHidden, setText} from "./dom.js";
import {say} from "./notice.js";

const AT_ONCE = 2;

export const stem = name => name.replace(/\.[^.]+$/, "");

const megabytes = bytes => `${Math.round(bytes / 1e5) / 10} MB`.replace(".0 ", " ");

export class Zone {
  // `added(upload)`, `ordered(keys)`, `removed(key)`, `cleared()` change the draft.
  constructor(kind, {samples, quotas}, on) {
    Object.assign(this, {kind, quotas, on, waiting: [], sending: 0});
    this.node = $(kind);
    this.list = this.node.querySelector(".tiles");
    this.node.querySelector(".sign").append(icon("image"));
    setText(this.node.querySelector(".limits"), `JPEG, PNG, WebP, HEIC or TIFF, up to ${megabytes(quotas.bytes)} each`);
    arrange(this.list, on.ordered);
    this.node.querySelector(".clear").addEventListener("click", () => this.clear());
    this.node.querySelector(".samples").append(...samples[kind].map(({name, url}) => element("button",
      {type: "button", "aria-label": `Add the sample ${stem(name)}`, title: name, onclick: () => this.sample(name)},
      element("img", {src: url, alt: "", width: 56, height: 56, decoding: "async"}))));
    setHidden(this.node.querySelector(".samples"), !samples[kind].length);
    this.listen();
  }

  listen() {
    const input = this.node.querySelector("input[type=file]");
    input.addEventListener("change", () => { this.take(input.files); input.value = ""; });
    const over = on => this.node.classList.toggle("over", on);
    this.node.addEventListener("dragover", event => { event.preventDefault(); over(true); });
    this.node.addEventListener("dragleave", event => this.node.contains(event.relatedTarget) || over(false));
    this.node.addEventListener("drop", event => {
      event.preventDefault();
      over(false);
      this.take(event.dataTransfer.files);
    });
  }

  // Tiles of `{key, name, about, images, actions}`, before those of files on their way.
  draw(entries) {
    const pending = [...this.list.querySelectorAll(":scope > .pending")];
    this.list.replaceChildren(...entries.map(entry => this.tile(entry)), ...pending);
    this.shape();
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
    (next?.querySelector("button") || this.node.querySelector("input[type=file]")).focus();
  }

  clear() {
    for (const tile of this.list.querySelectorAll(".failed")) tile.remove();
    this.on.cleared();
  }

  take(files) {
    for (const file of files) {
      const picture = element("img", {src: URL.createObjectURL(file), alt: "", onerror: () => picture.remove()});
      const bar = element("progress", {max: 1, value: 0, "aria-label": `Upload of ${file.name}`});
      const note = element("p", {class: "about", role: "status"}, "waiting");
      const tile = element("li", {class: "tile pending"}, element("div", {class: "images"}, icon("image"), picture, bar),
        element("p", {class: "name", title: file.name}, stem(file.name)), note);
      this.list.append(tile);
      this.waiting.push({file, tile, bar, note, picture});
    }
    this.shape();
    this.next();
  }

  next() {
    while (this.sending < AT_ONCE && this.waiting.length) this.upload(this.waiting.shift()).finally(() => { this.sending -= 1; this.next(); });
  }

  async upload(job) {
    const {file, tile, bar, note, picture} = job;
    this.sending += 1;
    try {
      if (file.size > this.quotas.bytes)
        throw new Error(`This file has ${megabytes(file.size)}; at most ${megabytes(this.quotas.bytes)} are allowed.`);
      const made = await send(`/api/uploads?kind=${this.kind}&name=${encodeURIComponent(file.name)}`, file, share => {
        bar.value = share;
        setText(note, share < 1 ? `${Math.round(100 * share)} %` : "reading the image");
      });
      URL.revokeObjectURL(picture.src);
      tile.remove();
      this.on.added(made);
      say(`${stem(file.name)} is added`);
    } catch (error) {
      this.failed(job, error);
    }
  }

  failed(job, error) {
    const {tile, bar, note} = job;
    const dismiss = () => { tile.remove(); this.shape(); };
    const again = () => {
      tile.classList.remove("failed");
      row.remove();
      bar.hidden = false;
      note.className = "about";
      this.waiting.push(job);
      this.next();
    };
    const row = element("div", {class: "row"},
      error.status === 0 && button("Try again", again, {class: "link"}), button("Dismiss", dismiss, {class: "link"}));
    tile.classList.add("failed");
    bar.hidden = true;
    note.className = "problem";
    setText(note, error.message);
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
