"use strict";
// data.js calls gallery.data with all pairs; pairs/KEY/pair.js calls gallery.pair with the details of one pair.
const gallery = (() => {
const CHUNK = 160, MOST_POINTS = 300, MOST_COMPARED = 4, MOST_IN_SIGHT = 4, MOST_IN_PLACE = 60;
// Names of the numbers that pairs are sorted by and that the page of a pair lists; data() adds the metrics.
let sorts, numberNames, falling, byReference;
const VIEWS = {overview, images, sweeps, front};
const collator = new Intl.Collator(undefined, {numeric: true});
let all, details = new Map(), state, shown = [], watch;

// ---- small helpers -------------------------------------------------------------------------------------------------
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

// element("a", {href: …}, child, "text"): strings become text nodes, never markup.
function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "rect", "circle", "g", "image"].includes(name);
  const made = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

function short(number) {
  if (number === null || number === undefined) return "–";
  const size = Math.abs(number);
  if (Number.isInteger(number) && size < 1e6) return String(number);
  if (size >= 1e6 || (size && size < 1e-3)) return number.toExponential(2);
  if (size >= 1000) return String(Math.round(number));
  return number.toPrecision(3);
}

// Label of an axis tick, without superfluous digits.
const tick = number => number >= 1e5 || (number && number < 1e-3) ? number.toExponential().replace("e+", "e") : String(number);

const titleOf = pair => `${pair.content} × ${pair.style}`;
// Errors of different reference networks are not comparable.
const several = () => all.references.length > 1;
const errorsOf = pair => pair.style_error === null ? "" : `style ${short(pair.style_error)} · content ${short(pair.content_error)}${several() ? ` · by ${pair.reference}` : ""}`;
// Five of them, so that a rating is not taken for the ★ of the best.
const starsOf = pair => pair.stars && element("span", {class: "star", role: "img", "aria-label": `${pair.stars} of 5 stars`}, "★".repeat(pair.stars) + "☆".repeat(5 - pair.stars));
// The value of a setting; for `style_weight: auto` with the weight that was found.
const valueOf = (pair, name) => {
  const value = name in all.same ? all.same[name] : pair.values[all.settings.indexOf(name)];
  return name === "style_weight" && pair.weight ? `${value} (${pair.weight})` : value || "none";
};
// The settings that vary, and style_weight if each pair found its own.
const naming = pair => pair.weight && "style_weight" in all.same ? [...all.settings, "style_weight"] : all.settings;
const valuesOf = pair => naming(pair).map(name => `${name} ${valueOf(pair, name)}`);
// Orders pairs by the values of the varying settings, first by the first one.
function byValues(a, b) {
  const places = all.ranks.map((ranks, i) => ranks.get(a.values[i]) - ranks.get(b.values[i]));
  return places.find(Boolean) || 0;
}
// Captions: the varying settings; their name if there are many, or if they do not distinguish the pairs.
const briefly = pair => all.settings.length > MOST_IN_SIGHT || !all.distinct ? [pair.settings] : valuesOf(pair);
const hint = pair => [titleOf(pair), ...briefly(pair), ...Object.keys(all.same).map(name => `${name} ${valueOf(pair, name)}`), errorsOf(pair)].filter(Boolean);
const fileOf = (pair, name) => `pairs/${pair.key}/${name}`;
const byId = id => all.pairs.find(pair => pair.id === id);

function image(src, size, alt, eager) {
  return element("img", {src, alt, width: size.width, height: size.height, loading: eager ? "eager" : "lazy", decoding: "async"});
}

const edgeImage = (edge, alt) => edge.width ? image(`inputs/${edge.key}/small.webp`, edge, alt) : element("span", {}, "no image");

// ---- the state is in the URL --------------------------------------------------------------------------------------
function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const known = (name, options, otherwise) => options.includes(given.get(name)) ? given.get(name) : otherwise;
  state = {
    view: known("view", Object.keys(VIEWS), "overview"),
    find: given.get("find") || "",
    content: given.get("content") || "", style: given.get("style") || "", reference: known("reference", all.references, ""),
    best: given.has("best"), front: given.has("front"),
    sort: known("sort", Object.keys(sorts), "grid"), down: given.has("down"),
    along: known("along", all.settings, all.along),
    values: Object.fromEntries(all.settings.map(name => [name, given.has("set." + name) ? given.get("set." + name) : null])),
    pair: given.get("pair") || "",
    compare: given.getAll("compare").filter(id => byId(id) && byId(id).status === "done").slice(0, MOST_COMPARED),
    open: given.has("open")
  };
}

function write(push) {
  const given = new URLSearchParams();
  for (const name of ["find", "content", "style", "reference", "pair"]) if (state[name]) given.set(name, state[name]);
  for (const name of ["best", "front", "down", "open"]) if (state[name]) given.set(name, "1");
  if (state.view !== "overview") given.set("view", state.view);
  if (state.sort !== "grid") given.set("sort", state.sort);
  if (state.view === "sweeps" && state.along !== all.along) given.set("along", state.along);
  for (const [name, value] of Object.entries(state.values)) if (value !== null) given.set("set." + name, value);
  for (const id of state.compare) given.append("compare", id);
  const url = "#" + given;
  if (url === (location.hash || "#")) return;
  try {
    if (push) history.pushState({pushed: true}, "", url);
    else history.replaceState(history.state, "", url);
  } catch { /* the browser limits the rate: the URL is updated later, the page now */ }
}

// ---- which pairs, in which order -----------------------------------------------------------------------------------
function reference() { return state.reference || (several() && state.view === "front" ? all.references[0] : ""); }

function chosen() {
  const words = state.find.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.pairs.filter(pair =>
    (!state.content || pair.content === state.content) && (!state.style || pair.style === state.style) &&
    (!reference() || pair.reference === reference()) &&
    (!state.best || pair.best) && (!state.front || pair.front) &&
    all.settings.every((name, i) => state.values[name] === null || pair.values[i] === state.values[name]) &&
    (!words.length || words.every(word => pair.text.includes(word))));
  return state.view !== "images" || (state.sort === "grid" && !state.down) ? found : found.sort(order);
}

function order(a, b) {
  const turn = state.down ? -1 : 1;
  if (state.sort === "grid") return turn * (a.place - b.place);
  if (state.sort === "id") return turn * collator.compare(a.id, b.id);
  const x = a[state.sort], y = b[state.sort];
  if (x === null || y === null) return (x === null) - (y === null);  // missing values come last
  if (byReference.includes(state.sort) && a.reference !== b.reference) return all.references.indexOf(a.reference) - all.references.indexOf(b.reference);
  return turn * (x - y) * (falling.includes(state.sort) ? -1 : 1);
}

// ---- the bar -------------------------------------------------------------------------------------------------------
function select(label, options, value, changed) {
  const made = element("select", {"aria-label": label, onchange: event => changed(event.target.value)});
  for (const [key, text] of options) made.append(element("option", {value: key, selected: key === value}, text));
  return element("label", {}, label, made);
}

function check(label, name, mark, title) {
  const box = element("input", {type: "checkbox", onchange: event => update({[name]: event.target.checked})});
  box.checked = state[name];
  return element("label", {title}, box, element("span", {class: "star", "aria-hidden": "true"}, mark), label);
}

function bar() {
  const place = $("choices"), find = $("find");
  if (document.activeElement !== find) find.value = state.find;
  const names = list => [["", "all"], ...list.map(edge => [edge.name, edge.name])];
  const parts = [];
  if (all.contents.length > 1) parts.push(select("content", names(all.contents), state.content, value => update({content: value})));
  if (all.styles.length > 1) parts.push(select("style", names(all.styles), state.style, value => update({style: value})));
  if (several()) {
    const options = all.references.map(name => [name, name]);
    parts.push(select("reference", state.view === "front" ? options : [["", "all"], ...options], reference(), value => update({reference: value})));
  }
  const settings = all.settings.map((name, i) => {
    const options = [["*", "all"], ...all.options[i].map(value => ["=" + value, value || "none"])];
    const now = state.values[name] === null ? "*" : "=" + state.values[name];
    return select(name, options, now, value => {
      update({values: {...state.values, [name]: value === "*" ? null : value.slice(1)}});
    });
  });
  const narrowed = Object.values(state.values).filter(value => value !== null).length;
  if (settings.length > (matchMedia("(max-width: 760px)").matches ? 1 : MOST_IN_SIGHT)) {
    const before = place.querySelector("details");
    parts.push(menu(narrowed ? `settings · ${narrowed} chosen` : `settings · ${settings.length}`, settings, {open: Boolean(before && before.open)}));
  } else parts.push(...settings);
  if (all.pairs.some(pair => pair.best)) parts.push(check("best of each", "best", "★", all.best));
  if (all.pairs.some(pair => pair.front)) parts.push(check("Pareto front", "front", "◆"));
  if (state.view === "images") {
    parts.push(select("sort by", Object.entries(sorts).filter(([name]) => name !== "stars" || all.pairs.some(pair => pair.stars)), state.sort, value => update({sort: value})));
    parts.push(element("button", {type: "button", class: "plain", "aria-label": "Reverse the order", "aria-pressed": String(state.down), onclick: () => update({down: !state.down})}, state.down ? "↑" : "↓"));
  }
  if (state.view === "sweeps" && all.settings.length > 1) {
    parts.push(select("along", all.settings.map(name => [name, name]), state.along, value => update({along: value})));
  }
  const any = state.find || state.content || state.style || state.reference || state.best || state.front || narrowed;
  parts.push(element("button", {type: "button", class: "plain", hidden: !any, onclick: () => {
    update({find: "", content: "", style: "", reference: "", best: false, front: false, values: Object.fromEntries(all.settings.map(name => [name, null]))});
  }}, "Show all"));
  const fields = () => Array.from(place.querySelectorAll("select, input, button, summary"));
  const focused = fields().indexOf(document.activeElement);
  place.replaceChildren(...parts);
  const again = focused >= 0 && fields()[focused];
  if (again) (again.hidden ? find : again).focus();
  for (const button of document.querySelectorAll("nav button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === state.view));
    if (button.dataset.view === "sweeps") button.hidden = !all.settings.length;
  }
}

function about() {
  const done = all.pairs.filter(pair => pair.status === "done").length, gone = all.pairs.length - done;
  const parts = [`${done} image${done === 1 ? "" : "s"}`];
  if (gone) parts.push(`${gone} without an image`);
  if (all.ranked_by) parts.push(`ranked by ${all.ranked_by}`);
  if (all.references.length) parts.push(`reference network: ${all.references.join(", ")}`);
  $("about").textContent = parts.join(" · ");
}

// Links to the tables next to the gallery. A published or copied gallery is alone: it lacks the image at `near`.
function beside() {
  const place = $("beside"), run = location.pathname.match(/^(\/runs\/[0-9a-f]{16})\/gallery\//);
  if (location.protocol !== "file:") {
    if (run) place.append(element("a", {href: run[1]}, "← Back to the run"));
    return;
  }
  const {links, count} = all.tables;
  if (!links || !all.near) return;
  const link = () => count === 1 ? element("a", {href: links[0][1]}, "tables") : menu(`tables · ${count}`, [
    ...links.map(([text, href]) => element("a", {href}, text)),
    count > links.length && element("span", {class: "caption"}, `and ${count - links.length} more in the folder tables`)]);
  element("img", {src: all.near, decoding: "async", onload: () => place.append(link())});
}

// A folded list over the page, which Escape closes.
function menu(label, entries, attributes = {}) {
  const made = element("details", {class: "more", ...attributes}, element("summary", {class: "plain"}, label), element("div", {}, ...entries.filter(Boolean)));
  made.addEventListener("keydown", event => { if (event.key === "Escape") { made.open = false; made.firstElementChild.focus(); } });
  return made;
}

// ---- tiles ---------------------------------------------------------------------------------------------------------
function tile(pair) {
  if (pair.status !== "done") {
    return element("button", {type: "button", class: "tile gone", "data-id": pair.id, onclick: () => open(pair)},
      element("b", {}, pair.status === "missing" ? "no image" : "broken"), element("span", {}, pair.error));
  }
  const marks = [pair.best && "best of its pair", pair.front && "on the Pareto front"].filter(Boolean);
  const alt = [titleOf(pair), ...briefly(pair), ...marks].join(", ");
  return element("button", {type: "button", class: state.compare.includes(pair.id) ? "tile added" : "tile", "data-id": pair.id, title: Array.from(new Set(hint(pair))).join("\n"), onclick: () => open(pair)},
    image(fileOf(pair, "small.webp"), pair, alt),
    element("span", {class: "check", role: "img", "aria-label": "added to the comparison"}, "✓"),
    pair.best && element("span", {class: "badge", "aria-hidden": "true"}, "★"));
}

// A tile of the overview, with the values of the varying settings below it. Their names are above the table.
function named(pair) {
  const values = all.settings.length > MOST_IN_SIGHT || !all.distinct ? [pair.settings] : naming(pair).map(name => valueOf(pair, name));
  const rating = starsOf(pair);
  return element("figure", {}, tile(pair), (values.length > 0 || rating) && element("figcaption", {title: valuesOf(pair).join(" · ")}, values.join(" · "), " ", rating));
}

function captioned(pair, label, detail) {
  return element("figure", {}, tile(pair), element("figcaption", {}, label && element("b", {}, label), " ", starsOf(pair), label && element("br"), detail));
}

// The images of a cell or row: of many only the first, with a button for the others, because a page is slow to draw thousands.
function first(pairs, put) {
  const made = pairs.slice(0, MOST_IN_PLACE).map(put);
  if (made.length === pairs.length) return made;
  const more = element("button", {type: "button", class: "plain rest", onclick: () => {
    const rest = pairs.slice(MOST_IN_PLACE).map(put);
    more.replaceWith(...rest);
    rest[0].querySelector("button").focus();
  }}, `Show all ${pairs.length.toLocaleString("en")}`);
  return [...made, more];
}

const drawn = pairs => Math.min(pairs.length, MOST_IN_PLACE);

// Adds parts to a place when they are scrolled into view, so that large pages open fast. size: images of a part.
function gradually(place, parts, put, size = () => 1) {
  let next = 0;
  const end = element("div", {"aria-hidden": "true"});
  const more = () => {
    for (let room = CHUNK; next < parts.length && room > 0; next++) {
      place.append(put(parts[next]));
      room -= size(parts[next]);
    }
    watch.disconnect();
    if (next < parts.length) watch.observe(end);  // again: the observer reports only changes, and the end may still be visible
    else end.remove();
  };
  watch = new IntersectionObserver(seen => { if (seen.some(entry => entry.isIntersecting)) more(); }, {rootMargin: "1200px"});
  $("view").append(end);
  more();
}

// ---- views ---------------------------------------------------------------------------------------------------------
function overview(pairs, main) {
  const cells = new Map();
  for (const pair of pairs) {
    const key = pair.content + "\n" + pair.style;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(pair);
  }
  const seen = name => new Set(pairs.map(pair => pair[name]));
  const [contents, styles] = [seen("content"), seen("style")];
  const across = all.styles.filter(edge => styles.has(edge.name));
  const body = element("tbody");
  const table = element("table", {}, element("caption", {class: "hidden"}, "Contents by styles"),
    element("thead", {}, element("tr", {}, element("td"), ...across.map(edge =>
      element("th", {scope: "col"}, edgeImage(edge, ""), edge.name)))), body);
  const box = element("div", {class: "matrix", tabindex: "0", role: "region", "aria-label": "Contents by styles"}, table);
  box.style.setProperty("--columns", across.length + 1);
  const names = naming(pairs.find(pair => pair.weight) || pairs[0]);
  if (names.length && all.distinct && all.settings.length <= MOST_IN_SIGHT) main.append(element("p", {class: "caption"}, `below each image: ${names.join(" · ")}`));
  main.append(box);
  const rows = all.contents.filter(edge => contents.has(edge.name));
  const pairsOf = (edge, style) => cells.get(edge.name + "\n" + style.name) || [];
  gradually(body, rows, edge => element("tr", {}, element("th", {scope: "row"}, edgeImage(edge, ""), edge.name),
    ...across.map(style => {
      const here = pairsOf(edge, style).slice().sort(byValues);
      const cell = element("div", {class: "cell"}, ...first(here, named));
      const columns = here.length > 9 ? 4 : here.length > 4 || here.length === 3 ? 3 : here.length > 1 ? 2 : 1;
      cell.style.setProperty("--across", columns);
      return element("td", {}, element("div", {class: "room"}, cell));
    })), edge => across.reduce((sum, style) => sum + drawn(pairsOf(edge, style)), 0));
  keepHeads(box, across);
}

// Keeps the styles visible above a tall table, in a separate row: sticky cells do not work in a box that scrolls sideways.
function keepHeads(box, across) {
  const row = element("div", {}, element("span"), ...across.map(edge => element("span", {}, edgeImage(edge, ""), edge.name)));
  const heads = element("div", {class: "heads", "aria-hidden": "true"}, row);
  heads.style.setProperty("--columns", across.length + 1);
  box.after(heads);
  const place = () => {
    const top = Math.max(0, document.querySelector(".bar").getBoundingClientRect().bottom), seen = box.getBoundingClientRect();
    heads.hidden = box.querySelector("tbody").getBoundingClientRect().top > top || seen.bottom < top + 160;
    for (const [name, value] of [["top", top], ["left", seen.left], ["width", seen.width]]) heads.style[name] = `${value}px`;
    heads.scrollLeft = box.scrollLeft;
  };
  window.onscroll = window.onresize = box.onscroll = place;
  place();
}

function images(pairs, main) {
  const wall = element("div", {class: "wall"});
  main.append(wall);
  gradually(wall, pairs, pair => captioned(pair, titleOf(pair), [...briefly(pair), errorsOf(pair)].filter(Boolean).join(" · ")));
}

// Lists of pairs that differ in one setting only.
function rowsAlong(pairs, place) {
  const rows = new Map();
  for (const pair of pairs) {
    const others = pair.values.filter((_, i) => i !== place);
    const key = [pair.content, pair.style, ...others].join("\n");
    if (!rows.has(key)) rows.set(key, []);
    rows.get(key).push(pair);
  }
  return Array.from(rows.values()).filter(row => new Set(row.map(pair => pair.values[place])).size > 1);
}

// The setting with the most images in such lists.
function richest() {
  const sizes = all.settings.map((_, i) => rowsAlong(all.pairs, i).flat().length);
  return all.settings[sizes.indexOf(Math.max(...sizes))] || "";
}

function sweeps(pairs, main) {
  const place = all.settings.indexOf(state.along);
  const many = rowsAlong(pairs, place);
  const varied = all.settings.map((_, i) => i).filter(i => i !== place && many.some(row => row[0].values[i] !== many[0][0].values[i]));
  if (!many.length) return main.append(element("p", {class: "note"}, `No pair here has several values of ${state.along}.`));
  const rank = all.ranks[place];
  const list = element("div");
  main.append(list);
  gradually(list, many, row => {
    row.sort((a, b) => rank.get(a.values[place]) - rank.get(b.values[place]));
    const one = row[0];
    const others = varied.map(i => `${all.settings[i]} ${one.values[i] || "none"}`);
    const edges = [all.contents.find(edge => edge.name === one.content), all.styles.find(edge => edge.name === one.style)];
    return element("section", {class: "sweep"},
      element("h2", {}, [titleOf(one), ...others].join(" · ")),
      element("div", {class: "along"},
        element("div", {class: "edges"}, edgeImage(edges[0], one.content), edgeImage(edges[1], one.style)),
        element("div", {class: "row", tabindex: "0", role: "region", "aria-label": `${titleOf(one)} along ${state.along}`},
          ...first(row, pair => captioned(pair, `${state.along} ${valueOf(pair, state.along)}`, errorsOf(pair))))));
  }, drawn);
}

function ticks(low, high) {
  const step = 10 ** Math.floor(Math.log10((high - low) / 3 || 1));
  const wide = [1, 2, 5, 10].map(k => k * step).find(s => (high - low) / s <= 6);
  const found = [];
  for (let t = Math.ceil(low / wide) * wide; t <= high; t += wide) found.push(Number(t.toPrecision(6)));
  return found;
}

function decades(low, high) {
  const found = [];
  for (let d = Math.floor(Math.log10(low)); d <= Math.log10(high); d++) for (const k of [1, 2, 5]) found.push(Number((k * 10 ** d).toPrecision(2)));
  return found.filter(t => t >= low && t <= high);
}

function front(pairs, main) {
  const measured = pairs.filter(pair => pair.status === "done" && pair.style_error !== null);
  if (!measured.length) return main.append(element("p", {class: "note"}, "No image here has metrics."));
  const wide = main.clientWidth, width = Math.min(1200, Math.max(330, wide - 28));  // so that text keeps its size
  const height = Math.min(width < 700 ? 1.2 * width : 700, Math.max(400, innerHeight - 220));
  const [left, bottom, look_at] = [width < 700 ? 44 : 64, 44, Math.min(240, width / 2, height / 2)];
  const thumb = (measured.length > 120 ? 34 : 52) * (width < 700 ? .75 : 1);
  const reach = name => {
    const values = measured.map(pair => pair[name]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = (high - low || high || 1) * .06;
    return [Math.max(0, low - room), high + room];
  };
  const [x, y] = [reach("content_error"), reach("style_error")];
  const px = v => left + (v - x[0]) / (x[1] - x[0]) * (width - left - 40);
  // Style errors span decades: use a logarithmic scale unless one is 0.
  const least = Math.min(...measured.map(pair => pair.style_error));
  const logs = least > 0 && y[1] / least > 4;
  if (logs) y[0] = least / 1.15;
  const share = v => logs ? Math.log(v / y[0]) / Math.log(y[1] / y[0]) : (v - y[0]) / (y[1] - y[0]);
  const py = v => height - bottom - share(v) * (height - bottom - 40);
  const plot = element("svg", {viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Style error by content error; each point is an image"});
  for (const t of ticks(...x)) plot.append(element("line", {x1: px(t), x2: px(t), y1: 20, y2: height - bottom}), element("text", {x: px(t), y: height - bottom + 18, "text-anchor": "middle"}, tick(t)));
  for (const t of logs ? decades(...y) : ticks(...y)) plot.append(element("line", {x1: left, x2: width - 20, y1: py(t), y2: py(t)}), element("text", {x: left - 8, y: py(t) + 4, "text-anchor": "end"}, tick(t)));
  plot.append(element("text", {x: width - 20, y: height - 6, "text-anchor": "end"}, "content error →"), element("text", {x: left, y: 14}, "↑ style error"));
  const points = measured.slice().sort((a, b) => a.front - b.front || a.content_error - b.content_error);
  const preview = element("image", {width: look_at, height: look_at, class: "preview"});
  const look = (pair, cx, cy) => {
    preview.setAttribute("href", fileOf(pair, "small.webp"));
    preview.setAttribute("x", cx + look_at + 20 > width ? Math.max(0, cx - look_at - 10) : cx + 10);
    preview.setAttribute("y", Math.min(Math.max(cy - look_at / 2, 0), height - look_at));
  };
  for (const pair of points) {
    const [cx, cy] = [px(pair.content_error), py(pair.style_error)];
    const side = thumb / Math.max(pair.width, pair.height), [w, h] = [pair.width * side, pair.height * side];
    const label = [titleOf(pair), ...valuesOf(pair), "style error " + short(pair.style_error), "content error " + short(pair.content_error), pair.front && "on the Pareto front"].filter(Boolean).join(", ");
    const point = element("g", {class: pair.front ? "point front" : "point", tabindex: pair === points[0] ? "0" : "-1", role: "button", "aria-label": label, "data-id": pair.id,
      onclick: () => open(pair), onpointerenter: () => look(pair, cx, cy), onfocus: () => look(pair, cx, cy), onpointerleave: () => preview.removeAttribute("href"), onblur: () => preview.removeAttribute("href"),
      onkeydown: event => {
        const other = {ArrowRight: "nextElementSibling", ArrowDown: "nextElementSibling", ArrowLeft: "previousElementSibling", ArrowUp: "previousElementSibling"}[event.key];
        if (event.key === "Enter" || event.key === " ") open(pair);
        else if (!other || !point[other] || !point[other].dataset.id) return;
        else { point.setAttribute("tabindex", "-1"); point[other].setAttribute("tabindex", "0"); point[other].focus(); }
        event.preventDefault();
      }});
    if (measured.length > MOST_POINTS && pair.front) point.append(element("path", {d: `M${cx - 7} ${cy}l7 -7l7 7l-7 7z`}));
    else if (measured.length > MOST_POINTS) point.append(element("circle", {cx, cy, r: 4}));
    else point.append(element("image", {href: fileOf(pair, "small.webp"), x: cx - w / 2, y: cy - h / 2, width: w, height: h}), element("rect", {x: cx - w / 2, y: cy - h / 2, width: w, height: h, rx: 2}));
    const title = document.createElementNS(SVG, "title");
    title.textContent = label;
    point.append(title);
    plot.append(point);
  }
  plot.append(preview);
  main.append(element("div", {class: "scatter"}, plot, element("p", {class: "caption"},
    `Lower is better on both axes. ${measured.length > MOST_POINTS ? "Diamond" : "Framed"}: on the Pareto front (no image of the same content and style is better in one error and as good in the other).`)));
  window.onresize = () => { if (main.clientWidth !== wide) draw(); };
}

// ---- one pair ------------------------------------------------------------------------------------------------------
const FAILED = "The details of this image could not be loaded.";
let mode = "result", snapshot = Infinity, wiped = 50, played = "";

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function open(pair) { state.pair = pair.id; snapshot = Infinity; write(true); show(); }

function step(by) {
  const at = shown.findIndex(pair => pair.id === state.pair);
  const next = shown[at + by];
  if (at >= 0 && next) { state.pair = next.id; snapshot = Infinity; write(); show(); }
}

// Goes back to where the dialog was opened, unless the page was loaded with an open dialog.
let kept = null;  // selected meanwhile, which the earlier URL does not contain

function leave() {
  if (history.state && history.state.pushed) { kept = state.compare; history.back(); }
  else { state.pair = ""; write(); close(); }
}

function close() {
  const dialog = $("pair");
  const id = dialog.dataset.id;
  if (dialog.open) dialog.close();
  fill(dialog);
  const back = Array.from(document.querySelectorAll("main [data-id]")).find(made => made.dataset.id === id);
  if (back) back.focus();
}

// `details` has null for a pair that is loading, and FAILED where nothing came: also a file that is not of a gallery.
function load(pair) {
  if (details.has(pair.key) || pair.status !== "done") return;
  details.set(pair.key, null);
  const ended = () => {
    script.remove();
    if (details.get(pair.key)) return;
    details.set(pair.key, FAILED);
    if (state.pair !== pair.id) return;
    show();
    say(FAILED);
  };
  const script = element("script", {src: fileOf(pair, "pair.js"), onload: ended, onerror: ended});
  document.head.append(script);
}

// Replaces the contents of a dialog, but for its message: screen readers announce changes of a region that was there.
function fill(dialog, ...parts) {
  for (const old of dialog.querySelectorAll(":scope > :not(.toast)")) old.remove();
  dialog.prepend(...parts);
}

function show() {
  const dialog = $("pair"), pair = byId(state.pair);
  if (!pair) { if (dialog.open) close(); return; }
  load(pair);
  const found = details.get(pair.key), known = found === FAILED ? null : found;
  const at = shown.findIndex(other => other.id === pair.id);
  dialog.dataset.id = pair.id;
  const focused = dialog.contains(document.activeElement) ? document.activeElement.dataset.role : "";
  fill(dialog, element("div", {class: "pair"},
    element("div", {class: "head"},
      element("button", {type: "button", class: "plain", "data-role": "back", disabled: at <= 0, "aria-label": "Previous image", onclick: () => step(-1)}, "←"),
      element("button", {type: "button", class: "plain", "data-role": "on", disabled: at < 0 || at + 1 >= shown.length, "aria-label": "Next image", onclick: () => step(1)}, "→"),
      element("h2", {id: "pair-title"}, titleOf(pair), " ", element("span", {}, briefly(pair).join(" · "))),
      element("button", {type: "button", class: "plain", "data-role": "pick", "aria-pressed": String(state.compare.includes(pair.id)), disabled: pair.status !== "done", onclick: () => pick(pair)}, state.compare.includes(pair.id) ? "✓ Added" : "Add to comparison"),
      element("button", {type: "button", class: "plain", "data-role": "close", "aria-label": "Close", onclick: leave}, "✕")),
    stage(pair, known), tools(pair, known), side(pair, found)));
  if (!dialog.open) dialog.showModal();
  const again = focused && dialog.querySelector(`[data-role="${focused}"]:not(:disabled)`);
  (again || dialog.querySelector('[data-role="close"]')).focus({preventScroll: true});  // a small dialog may be scrolled
}

function stage(pair, known) {
  if (pair.status !== "done") {
    return element("div", {class: "stage"}, element("p", {class: "why"}, element("b", {}, pair.status === "missing" ? "The image is missing." : "The image is broken."), pair.error));
  }
  const content = all.contents.find(edge => edge.name === pair.content), style = all.styles.find(edge => edge.name === pair.style);
  const big = (src, alt, name) => element("img", {src, alt, class: name, draggable: "false"});
  const result = big(fileOf(pair, "large.webp"), `${titleOf(pair)}, the result`, "over");
  const input = edge => big(`inputs/${edge.key}/large.webp`, edge.name, "under");
  const place = element("div", {class: "stage"});
  let start = null;
  if (mode !== "wipe") {
    place.addEventListener("pointerdown", event => { start = [event.clientX, event.clientY]; });
    place.addEventListener("pointerup", event => {
      const [dx, dy] = start ? [event.clientX - start[0], event.clientY - start[1]] : [0, 0];
      if (Math.abs(dx) > 60 && Math.abs(dx) > 2 * Math.abs(dy)) step(dx < 0 ? 1 : -1);
      start = null;
    });
  }
  if (mode === "content" && content.width) place.append(input(content));
  else if (mode === "style" && style.width) place.append(input(style));
  else if (mode === "motion" && pair.moves && known && known.files.includes("animation.mp4")) {
    place.append(element("video", {src: fileOf(pair, "animation.mp4"), controls: true, loop: true, autoplay: !still(), muted: true, "aria-label": `${titleOf(pair)}, animation`}));
  } else if (mode === "motion" && pair.moves && still() && played !== pair.id) {
    place.append(result, element("button", {type: "button", class: "plain play", onclick: () => {
      played = pair.id;
      show();
      $("pair").querySelector('[data-role="motion"]').focus();
    }}, "Play"));
  } else if (mode === "motion" && pair.moves) place.append(big(fileOf(pair, "animation.gif"), `${titleOf(pair)}, animation`, "over"));
  else if (mode === "steps" && known && known.snapshots.length) {
    const [iteration, file] = known.snapshots[Math.min(snapshot, known.snapshots.length - 1)];
    place.append(big(fileOf(pair, file), `${titleOf(pair)} after ${iteration} iterations`, "over"));
  } else if (mode === "wipe" && content.width) {
    const cut = element("div", {class: "cut"}), frame = element("div", {class: "frame"});
    const range = element("input", {type: "range", min: 0, max: 100, step: .5, "data-role": "wipe", "aria-label": "Wipe from the content to the result",
      oninput: event => { wiped = Number(event.target.value); frame.style.setProperty("--wipe", wiped + "%"); }});
    range.value = wiped;
    frame.style.setProperty("--wipe", wiped + "%");
    frame.style.setProperty("--aspect", pair.width / pair.height);
    frame.append(input(content), result, cut, range);
    place.append(frame);
  } else place.append(result);
  return place;
}

function tools(pair, known) {
  const place = element("div", {class: "tools", role: "group", "aria-label": "What is shown"});
  if (pair.status !== "done") return place;
  const steps = known && known.snapshots.length;
  const modes = [["result", "Result"]];
  if (all.contents.find(edge => edge.name === pair.content).width) modes.push(["wipe", "Wipe"], ["content", "Content"]);
  if (all.styles.find(edge => edge.name === pair.style).width) modes.push(["style", "Style"]);
  if (pair.moves) modes.push(["motion", "Animation"]);
  if (steps) modes.push(["steps", "Iterations"]);
  const now = modes.some(([name]) => name === mode) ? mode : "result";
  for (const [name, text] of modes) {
    place.append(element("button", {type: "button", class: "plain", "data-role": name, "aria-pressed": String(name === now), onclick: () => { mode = name; played = ""; show(); }}, text));
  }
  if (now === "steps") {
    const last = known.snapshots.length - 1, at = Math.min(snapshot, last);
    const range = element("input", {type: "range", min: 0, max: last, "data-role": "step", "aria-label": "Iteration",
      oninput: event => {  // in place: the slider must survive while it is dragged
        snapshot = Number(event.target.value);
        const [iteration, file] = known.snapshots[snapshot], picture = $("pair").querySelector(".stage img");
        picture.src = fileOf(pair, file);
        picture.alt = `${titleOf(pair)} after ${iteration} iterations`;
        label.textContent = `iteration ${iteration}`;
        range.setAttribute("aria-valuetext", label.textContent);
      }});
    const label = element("span", {}, `iteration ${known.snapshots[at][0]}`);
    range.value = at;
    range.setAttribute("aria-valuetext", label.textContent);
    place.append(element("label", {}, range, label));
  }
  return place;
}

function listed(entries) {
  return element("dl", {}, ...entries.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function side(pair, known) {
  const place = element("div", {class: "side", tabindex: "0", role: "region", "aria-label": "About this image"});
  if (pair.status !== "done") {
    place.append(element("h3", {}, "Problem"), element("p", {}, pair.error), ...settingsOf(pair, pair.given));
    return place;
  }
  const marks = [pair.best && "★ best of its content and style", pair.front && "◆ on the Pareto front"].filter(Boolean);
  const numbers = Object.entries(numberNames).filter(([name]) => pair[name] !== null).map(([name, text]) => [text, name === "stars" ? starsOf(pair) : short(pair[name])]);
  place.append(element("h3", {}, "Metrics"), listed(several() ? [...numbers, ["by", pair.reference]] : numbers));
  if (marks.length) place.append(element("p", {class: "caption", title: pair.best && all.best}, marks.join(" · ")));
  if (pair.unranked) place.append(element("p", {class: "caption"}, `Not ranked: ${pair.unranked}.`));
  if (!known) { place.append(element("p", {class: "caption"}, "loading …")); return place; }
  if (known === FAILED) {
    place.append(element("p", {}, FAILED), element("button", {type: "button", class: "plain", "data-role": "again", onclick: () => { details.delete(pair.key); show(); }}, "Try again"));
    return place;
  }
  place.append(listed(Object.entries(known.layers).map(([name, value]) => ["style error, " + name, short(value)])));
  if (known.losses.total) place.append(element("h3", {}, "Losses"), chart(known.losses));
  for (const warning of known.warnings) place.append(element("p", {class: "caption"}, "! " + warning));
  place.append(element("h3", {}, "Reproduce"), element("pre", {}, known.reproduce),
    element("button", {type: "button", class: "plain", "data-role": "copy", onclick: () => copy(known.reproduce)}, "Copy"));
  place.append(element("h3", {}, "Files"), element("ul", {}, ...known.files.map(name =>
    element("li", {}, element("a", {href: fileOf(pair, name), download: true}, name)))));
  place.append(element("h3", {}, "Result"), listed([["image size", `${known.size[0]} × ${known.size[1]} px`], ["device", known.device], ["arithmetic", known.precision]]),
    ...settingsOf(pair, known.settings));
  return place;
}

let unfolded = false;  // whether the settings with default values are shown, also of the next image

// The settings that differ from their defaults, then the others, folded.
function settingsOf(pair, given) {
  const entries = Object.entries(given).filter(([name, value]) => String(value) !== "" || all.defaults[name]);
  const isDefault = ([name, value]) => { const usual = all.defaults[name]; return String(value) === usual || (usual && Number(value) === Number(usual)); };
  const texts = some => some.map(([name, value]) => [name, name === "style_weight" && pair.weight ? `${value} (${pair.weight})` : String(value) || "none"]);
  const changed = entries.filter(entry => !isDefault(entry)), others = entries.filter(isDefault);
  const rest = element("details", {open: unfolded, ontoggle: event => { unfolded = event.target.open; }},
    element("summary", {"data-role": "defaults"}, `${changed.length ? `${others.length} others` : `All ${others.length}`} have their defaults`), listed(texts(others)));
  return [element("h3", {}, "Settings"), changed.length > 0 && listed(texts(changed)), others.length > 0 && rest].filter(Boolean);
}

async function copy(text) {
  try { await navigator.clipboard.writeText(text); say("Copied."); } catch { say("The browser does not allow copying; select the text instead."); }
}

let said;

// In the open dialog, if any, because everything else is inert.
function say(text) {
  const place = document.querySelector("dialog[open]") || document.body;
  for (const toast of document.querySelectorAll(".toast")) toast.textContent = toast.parentNode === place ? text : "";
  clearTimeout(said);
  if (text) said = setTimeout(say, 5000, "");
}

// Loss curves on a logarithmic scale. The legend shows the values under the pointer, or of the last iteration.
let curves = new Set(["total", "content", "style"]);

function chart(losses) {
  const [width, height, left, bottom] = [320, 190, 42, 18];
  const leading = ["total", "content", "style"], others = Object.keys(losses).filter(name => !["iteration", ...leading].includes(name));
  const names = [...leading, ...others].filter(name => losses[name] && losses[name].some(value => value > 0));  // in the colors of the plots
  const drawn = names.filter(name => curves.has(name));
  const values = drawn.flatMap(name => losses[name]).filter(value => value > 0);
  const [low, high] = values.length ? [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))] : [0, 1];
  const last = losses.iteration[losses.iteration.length - 1], first = losses.iteration[0];
  const px = e => left + (e - first) / (last - first || 1) * (width - left - 6);
  const py = v => 6 + (high - Math.log10(v)) / (high - low || 1) * (height - bottom - 10);
  const plot = element("svg", {viewBox: `0 0 ${width} ${height}`, tabindex: "0", role: "slider", "aria-label": "Iteration shown in the legend", "aria-valuemin": first, "aria-valuemax": last, "data-role": "plot"});
  const fine = decades(10 ** low, 10 ** high), whole = fine.filter(t => Math.log10(t) % 1 === 0);
  for (const t of fine.length > 6 ? whole : fine) plot.append(element("line", {class: "grid", x1: left, x2: width, y1: py(t), y2: py(t)}), element("text", {x: left - 4, y: py(t) + 3, "text-anchor": "end"}, tick(t)));
  plot.append(element("text", {x: left, y: height - 4}, String(first)), element("text", {x: width - 4, y: height - 4, "text-anchor": "end"}, `${last} iterations`));
  for (const name of drawn) {
    const points = losses[name].map((value, i) => value > 0 ? `${px(losses.iteration[i]).toFixed(1)} ${py(value).toFixed(1)}` : "").filter(Boolean);
    plot.append(element("path", {class: "c" + names.indexOf(name) % 10, d: "M" + points.join("L")}));
  }
  const rule = element("line", {class: "rule", y1: 4, y2: height - bottom});
  const legend = element("div", {class: "legend", role: "group", "aria-label": "Curves"});
  const labels = names.map((name, i) => {
    const label = element("span", {});
    legend.append(element("button", {type: "button", "data-role": "curve-" + name, "aria-pressed": String(curves.has(name)),
      onclick: () => { curves[curves.has(name) ? "delete" : "add"](name); show(); }},
      element("svg", {viewBox: "0 0 16 6", "aria-hidden": "true"}, element("line", {class: curves.has(name) ? "c" + i % 10 : "grid", x1: 0, x2: 16, y1: 3, y2: 3})), label));
    return label;
  });
  const where = element("span", {class: "caption"});
  legend.append(where);
  const end = losses.iteration.length - 1;
  let looked = end;
  const showLosses = at => {
    looked = Math.min(Math.max(at, 0), end);
    for (const side of ["x1", "x2"]) rule.setAttribute(side, px(losses.iteration[looked]));
    names.forEach((name, i) => { labels[i].textContent = `${name} ${short(losses[name][looked])}`; });
    where.textContent = `at iteration ${losses.iteration[looked]}`;
    plot.setAttribute("aria-valuenow", losses.iteration[looked]);
    plot.setAttribute("aria-valuetext", [where, ...labels].map(part => part.textContent).join(", "));
  };
  plot.append(rule);
  plot.addEventListener("pointermove", event => {
    const box = plot.getBoundingClientRect();
    const wanted = first + ((event.clientX - box.left) / box.width * width - left) / (width - left - 6) * (last - first);
    const at = losses.iteration.findIndex(e => e >= wanted);
    showLosses(at < 0 ? end : at);
  });
  plot.addEventListener("pointerleave", () => showLosses(end));
  plot.addEventListener("keydown", event => {
    const by = {ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -end, End: end}[event.key];
    if (by) { showLosses(looked + by); event.preventDefault(); event.stopPropagation(); }
  });
  showLosses(end);
  return element("div", {class: "chart"}, plot, legend);
}

// ---- compare -------------------------------------------------------------------------------------------------------
function pick(pair) {
  const at = state.compare.indexOf(pair.id);
  if (at >= 0) state.compare.splice(at, 1);
  else if (state.compare.length < MOST_COMPARED) state.compare.push(pair.id);
  else return say(`At most four images can be compared.`);
  write();
  tray();
  if (!state.pair) return;
  show();
  if (at < 0) say(state.compare.length < 2 ? "Added. Add another image, too." : "Added. Close this view to compare the images.");
}

function tray() {
  const picked = state.compare.map(byId).filter(Boolean);
  const place = $("tray");
  place.hidden = !picked.length;
  for (const made of document.querySelectorAll("main .tile")) made.classList.toggle("added", state.compare.includes(made.dataset.id));
  place.replaceChildren(
    ...picked.map(pair => {
      const label = `Remove ${titleOf(pair)}, ${briefly(pair).join(", ")}`;
      return element("button", {type: "button", class: "picked", title: label, "aria-label": label, onclick: () => pick(pair)},
        image(fileOf(pair, "small.webp"), pair, ""), element("span", {"aria-hidden": "true"}, "✕"));
    }),
    element("button", {type: "button", class: "plain", onclick: () => { state.compare = []; write(); tray(); $("view").focus({preventScroll: true}); }}, "Clear"),
    element("button", {type: "button", class: "plain strong", disabled: picked.length < 2, onclick: () => { state.open = true; write(true); compare(); }}, "Compare"));
}

function compare() {
  const dialog = $("compare"), picked = state.compare.map(byId).filter(Boolean);
  if (!state.open || picked.length < 2) { if (dialog.open) dialog.close(); return; }
  const sight = {zoom: 1, x: 0, y: 0};
  const panels = element("div", {class: "panels"});
  panels.style.setProperty("--across", picked.length === 4 ? 2 : picked.length);
  const apply = () => {
    for (const [name, value] of Object.entries({"--zoom": sight.zoom, "--x": sight.x + "px", "--y": sight.y + "px"})) panels.style.setProperty(name, value);
    if (sight.zoom <= 1.5) return;
    picked.forEach((pair, i) => {  // zoomed in, use the full image
      const picture = panels.children[i].querySelector("img"), whole = pair.whole && fileOf(pair, pair.whole);
      if (whole && picture.getAttribute("src") !== whole) picture.setAttribute("src", whole);
    });
  };
  // Zoom around a point, in px from the center of a panel.
  const zoom = (by, x = 0, y = 0) => {
    const before = sight.zoom;
    sight.zoom = Math.min(16, Math.max(1, sight.zoom * by));
    move((x - sight.x) * (1 - sight.zoom / before), (y - sight.y) * (1 - sight.zoom / before));
  };
  const move = (x, y) => {
    const panel = panels.querySelector(".sight").getBoundingClientRect();
    const within = (value, side) => Math.min(Math.max(value, -(sight.zoom - 1) * side / 2), (sight.zoom - 1) * side / 2);
    sight.x = within(sight.x + x, panel.width);
    sight.y = within(sight.y + y, panel.height);
    apply();
  };
  const touches = new Map();
  for (const pair of picked) {
    const panel = element("div", {class: "sight"}, element("img", {src: fileOf(pair, "large.webp"), alt: [titleOf(pair), ...valuesOf(pair)].join(", "), draggable: "false"}));
    const from = (x, y) => { const box = panel.getBoundingClientRect(); return [x - box.left - box.width / 2, y - box.top - box.height / 2]; };
    panel.addEventListener("wheel", event => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode ? .05 : .002)), ...from(event.clientX, event.clientY));
    }, {passive: false});
    panel.addEventListener("pointerdown", event => { panel.setPointerCapture(event.pointerId); touches.set(event.pointerId, event); });
    panel.addEventListener("pointermove", event => {
      const before = touches.get(event.pointerId);
      if (!before) return;
      const others = Array.from(touches.values()).filter(touch => touch.pointerId !== event.pointerId);
      if (others.length) {
        const apart = touch => Math.hypot(touch.clientX - others[0].clientX, touch.clientY - others[0].clientY) || 1;
        zoom(apart(event) / apart(before), ...from((event.clientX + others[0].clientX) / 2, (event.clientY + others[0].clientY) / 2));
      } else move(event.clientX - before.clientX, event.clientY - before.clientY);
      touches.set(event.pointerId, event);
    });
    for (const name of ["pointerup", "pointercancel"]) panel.addEventListener(name, event => touches.delete(event.pointerId));
    panels.append(element("figure", {class: "panel"}, panel, element("figcaption", {}, [titleOf(pair), ...briefly(pair), errorsOf(pair)].filter(Boolean).join(" · "))));
  }
  const button = (label, text, act) => element("button", {type: "button", class: "plain", "aria-label": label, onclick: act}, text);
  fill(dialog, element("div", {class: "compare"},
    element("div", {class: "tools"}, element("h2", {id: "compare-title", class: "hidden"}, "Comparison"),
      button("Larger", "+", () => zoom(1.4)), button("Smaller", "−", () => zoom(1 / 1.4)), button("Whole images", "Fit", () => zoom(0)),
      element("span", {class: "caption tip"}, "Zoom with the wheel or two fingers, drag to move. All images move together."),
      button("Close", "✕", () => dialog.close())), panels));
  dialog.onkeydown = event => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const moves = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]};
    if (event.key === "+" || event.key === "=") zoom(1.4);
    else if (event.key === "-") zoom(1 / 1.4);
    else if (moves[event.key]) { move(...moves[event.key]); event.preventDefault(); }
  };
  apply();
  if (!dialog.open) dialog.showModal();
}

// ---- all together --------------------------------------------------------------------------------------------------
function update(change) { Object.assign(state, change); write(); draw(); }

function draw() {
  bar();
  shown = chosen();
  const main = $("view");
  if (watch) watch.disconnect();
  window.onscroll = window.onresize = null;
  main.replaceChildren();
  main.className = "view " + state.view;
  if (shown.length) VIEWS[state.view](shown, main);
  else main.append(element("p", {class: "note"}, "No pair matches the filters."));
  const count = `${shown.length === all.pairs.length ? shown.length : `${shown.length} of ${all.pairs.length}`} pair${all.pairs.length === 1 ? "" : "s"}`;
  $("count").textContent = count;
  tray();
}

// Applies the URL. If only the open dialog differs, the page keeps its scroll position.
function follow() {
  const listing = () => state && JSON.stringify({...state, pair: "", open: false});
  const before = listing();
  read();
  if (kept) { state.compare = kept; kept = null; write(); }
  if (listing() !== before) draw();
  show();
  compare();
}

function data(given) {
  all = given;
  const metrics = Object.fromEntries(all.metrics.map(({name, label}) => [name, label]));
  sorts = {grid: "manifest order", stars: "rating", ...metrics, rank: "rank", seconds: "time", peak_memory_mb: "memory", iterations_run: "iterations", id: "name"};
  numberNames = {stars: "rating", ...metrics, rank: "rank", seconds: "seconds", peak_memory_mb: "memory, MB", iterations_run: "iterations"};
  falling = ["stars", ...all.metrics.filter(({higher}) => higher).map(({name}) => name)];  // more is better
  byReference = ["rank", ...Object.keys(metrics)];
  all.pairs.forEach((pair, place) => {
    pair.place = place;
    pair.text = [pair.id, pair.content, pair.style, pair.settings, pair.status, ...valuesOf(pair)].join(" ").toLowerCase();
  });
  all.ranks = all.options.map(options => new Map(options.map((value, i) => [value, i])));
  all.along = richest();
  all.distinct = new Set(all.pairs.map(pair => [pair.content, pair.style, ...pair.values].join("\n"))).size === all.pairs.length;
  about();
  beside();
  for (const place of [document.body, $("pair"), $("compare")]) place.append(element("div", {class: "toast", role: "status"}));
  let wait;
  $("find").addEventListener("input", event => { clearTimeout(wait); wait = setTimeout(() => update({find: event.target.value}), 120); });
  $("filters").addEventListener("submit", event => event.preventDefault());
  for (const button of document.querySelectorAll("nav button")) button.addEventListener("click", () => update({view: button.dataset.view}));
  addEventListener("popstate", () => { if (state.pair) kept = kept || state.compare; follow(); });
  $("pair").addEventListener("cancel", event => { event.preventDefault(); leave(); });
  $("pair").addEventListener("keydown", event => {
    if (event.target.matches("input[type=range], video") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowRight") step(1);
    else if (event.key === "ArrowLeft") step(-1);
  });
  $("compare").addEventListener("close", () => {
    if (!state.open) return;
    if (history.state && history.state.pushed) history.back();
    else { state.open = false; write(); }
  });
  follow();
}

function pair(key, given) {
  details.set(key, given);
  const looked = byId(state.pair);
  if (looked && looked.key === key) show();
}

return {data, pair};
})();
