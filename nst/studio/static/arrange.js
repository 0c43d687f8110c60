// Reordering the items of a list by dragging, with mouse or finger, and by arrow keys on an item's grip.
import {say} from "./notice.js";

const STEPS = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1};

// `ordered(keys)` gets the data-key of all items in their new order.
export function arrange(list, ordered) {
  const items = () => [...list.querySelectorAll(":scope > [data-key]")];
  const done = () => ordered(items().map(item => item.dataset.key));
  let dragged = null, moved = false;

  function place(item, index) {
    const all = items(), from = all.indexOf(item), to = Math.max(0, Math.min(index, all.length - 1));
    if (from < 0 || from === to) return false;
    if (to < from) all[to].before(item);
    else all[to].after(item);
    return true;
  }

  list.addEventListener("keydown", event => {
    const grip = event.target.closest(".grip");
    if (!grip || !(event.key in STEPS)) return;
    event.preventDefault();
    const item = grip.closest("[data-key]");
    if (!place(item, items().indexOf(item) + STEPS[event.key])) return;
    say(`position ${items().indexOf(item) + 1} of ${items().length}`);
    const key = item.dataset.key;
    done();
    items().find(other => other.dataset.key === key)?.querySelector(".grip").focus();
  });

  list.addEventListener("pointerdown", event => {
    const handle = event.target.closest(event.pointerType === "mouse" ? ".grip, img" : ".grip");
    dragged = event.button === 0 && handle ? handle.closest("[data-key]") : null;
    moved = false;
    if (!dragged) return;
    event.preventDefault();  // no native drag of the image
    list.setPointerCapture(event.pointerId);
    dragged.classList.add("dragged");
  });
  list.addEventListener("pointermove", event => {
    if (!dragged) return;
    const over = document.elementsFromPoint(event.clientX, event.clientY).map(hit => hit.closest("[data-key]")).find(hit => hit?.parentNode === list);
    if (over && over !== dragged && place(dragged, items().indexOf(over))) moved = true;
  });
  for (const end of ["pointerup", "pointercancel"]) list.addEventListener(end, () => {
    if (!dragged) return;
    dragged.classList.remove("dragged");
    dragged = null;
    if (moved) done();
  });
}
