// Painting a mask over a content, by finger, mouse or keys: bright where the style goes.
import {send} from "./api.js";
import {confirmed, open} from "./dialog.js";
import {button, element} from "./dom.js";
import {toast} from "./notice.js";
import {stem} from "./zone.js";

const MOST_UNDONE = 20;
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

function loaded(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("The image cannot be shown."));
    image.src = url;
  });
}

// The canvas is a dark veil over the content. The brush opens it, the eraser closes it; its holes are the mask.
class Veil {
  constructor(width, height) {
    this.canvas = element("canvas", {width, height, tabindex: 0, role: "application",
      "aria-label": "Mask. Arrow keys move the brush, Space paints, Z undoes."});
    this.pen = this.canvas.getContext("2d", {willReadFrequently: true});
    this.undone = [];
    this.fill();
  }

  fill(operation = "source-over") {
    this.pen.globalCompositeOperation = operation;
    this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  remember() {
    this.undone.push(this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height));
    if (this.undone.length > MOST_UNDONE) this.undone.shift();
  }

  undo() { if (this.undone.length) this.pen.putImageData(this.undone.pop(), 0, 0); }

  line(from, to, size, erases) {
    Object.assign(this.pen, {globalCompositeOperation: erases ? "source-over" : "destination-out", lineCap: "round", lineWidth: size});
    this.pen.beginPath();
    this.pen.moveTo(...from);
    this.pen.lineTo(to[0] + 0.01, to[1]);  // a line of no length would not be drawn
    this.pen.stroke();
  }

  // From the preview of a saved mask: its brightness becomes the veil's holes. The preview is lossy: nearly
  // black is black, and nearly white white.
  read(image) {
    const {width, height} = this.canvas;
    this.pen.globalCompositeOperation = "copy";
    this.pen.drawImage(image, 0, 0, width, height);
    const pixels = this.pen.getImageData(0, 0, width, height);
    const clean = value => value < 24 ? 0 : value > 231 ? 255 : value;
    for (let i = 0; i < pixels.data.length; i += 4) pixels.data.set([0, 0, 0, 255 - clean(pixels.data[i])], i);
    this.pen.putImageData(pixels, 0, 0);
  }

  bright() { return this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height).data.some((value, i) => i % 4 === 3 && value < 128); }

  png() {
    const {width, height} = this.canvas, made = element("canvas", {width, height}), pen = made.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width, height);
    pen.drawImage(this.canvas, 0, 0);
    return new Promise(resolve => { made.toBlob(resolve, "image/png"); });
  }
}

// The brush: follows the pointer and the arrow keys, and paints on the veil.
function brush(veil, stage, size, erases) {
  const ring = element("span", {class: "ring"}), {canvas} = veil;
  let at = [canvas.width / 2, canvas.height / 2], down = false;
  // Pixels of the page per pixel of the canvas, across and down: a browser may round the sides of the box.
  const scale = ({width, height} = canvas.getBoundingClientRect()) => [width / canvas.width, height / canvas.height];
  const move = point => {
    at = [Math.max(0, Math.min(point[0], canvas.width)), Math.max(0, Math.min(point[1], canvas.height))];
    const [x, y] = scale();
    Object.assign(ring.style, {width: `${size() * x}px`, left: `${at[0] * x}px`, top: `${at[1] * y}px`});
  };
  const point = event => {
    const box = canvas.getBoundingClientRect(), [x, y] = scale(box);
    return [(event.clientX - box.left) / x, (event.clientY - box.top) / y];
  };
  const paint = from => veil.line(from, at, size(), erases());
  const remember = event => event.repeat || veil.remember();  // a key that is held is one stroke
  canvas.addEventListener("pointerdown", event => {
    if (!event.isPrimary || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    down = true;
    veil.remember();
    move(point(event));
    paint(at);
  });
  canvas.addEventListener("pointermove", event => {
    if (!event.isPrimary) return;
    for (const step of event.getCoalescedEvents?.() || [event]) {
      const from = at;
      move(point(step));
      if (down) paint(from);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => { if (event.isPrimary) down = false; });
  canvas.addEventListener("keydown", event => {
    if (event.key in ARROWS) {
      const from = at;
      if (event.shiftKey) remember(event);
      move(at.map((value, axis) => value + ARROWS[event.key][axis] * size() / 3));
      if (event.shiftKey) paint(from);
    } else if (event.key === " ") {
      remember(event);
      paint(at);
    } else if (event.key === "z") veil.undo();
    else return;
    event.preventDefault();
  });
  stage.append(ring);
  return () => move(at);
}

// `blended`: whether styles are blended, which a mask separates. `saved(upload or null)`: the mask that was made, null where
// it is taken off.
export async function paintMask(content, mask, blended, saved) {
  try {
    const image = await loaded(content.preview), veil = new Veil(image.naturalWidth, image.naturalHeight);
    if (mask) veil.read(await loaded(mask.preview));
    show(content, image, veil, mask, blended, saved);
  } catch (error) {
    toast(error.message);
  }
}

function show(content, image, veil, mask, blended, saved) {
  const size = element("input", {type: "range", min: 4, max: 160, value: Math.round(veil.canvas.width / 9), oninput: () => fit()});
  const modes = ["Paint", "Erase"].map((name, index) => button(name, () => choose(index), {"aria-pressed": String(!index)}));
  const choose = index => modes.forEach((mode, i) => mode.setAttribute("aria-pressed", String(i === index)));
  const change = work => () => { veil.remember(); work(); };
  const stage = element("div", {class: "painting"}, image, veil.canvas);
  stage.style.setProperty("--aspect", veil.canvas.width / veil.canvas.height);
  image.alt = "";
  const fit = brush(veil, stage, () => Number(size.value), () => modes[1].getAttribute("aria-pressed") === "true");
  const save = button("Use the mask", async () => {
    if (!veil.bright()) return toast("The mask is empty: paint where the style goes.");
    save.disabled = true;
    try {
      finish(await send(`/api/uploads/mask?of=${content.id}`, await veil.png()));
    } catch (error) {
      save.disabled = false;
      toast(error.message);
    }
  }, {class: "primary"});
  // The dialog returns the focus before `saved` redraws what had it.
  const finish = upload => { made.close(); saved(upload); };
  const leave = async event => {
    if (!veil.undone.length) return;
    event.preventDefault();
    if (await confirmed("Discard what you painted?", "The mask is not saved yet.", "Discard")) made.close();
  };
  const made = open(`Mask of ${stem(content.name)}`, [
    element("p", {}, `Paint where the style goes.${blended ? " A blend has its first style there and its second elsewhere." : ""}`), stage,
    element("div", {class: "tools"}, element("div", {class: "pair"}, ...modes), element("label", {}, "Brush", size),
      button("Undo", () => veil.undo()), button("Invert", change(() => veil.fill("source-out"))), button("Clear", change(() => veil.fill()))),
    element("p", {class: "caption keys"}, "On the image, arrow keys move the brush, Space paints, Shift and an arrow key draws, Z undoes."),
    element("div", {class: "actions end"}, mask && button("Remove the mask", () => finish(null)), save)],
  {class: "wide", "data-keep": true, oncancel: leave});
  fit();
}
