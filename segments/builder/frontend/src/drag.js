/**
 * Moving parts by pointer, finger or pen: a handle is held, a line shows where the part would go, and the tree is
 * changed once, when it is let go. Escape puts everything back.
 */
import { useMemo } from "react";
import { isGroup, moved, nodesOf } from "./tree.js";

export function useDrag(now) {
  return useMemo(() => ({ handle: (id) => ({ onPointerDown: (event) => begin(event, id, now) }), target: (id) => ({ "data-drop": id }) }), [now]);
}

function begin(event, id, now) {
  if (event.button !== 0) return;
  event.preventDefault();
  const handle = event.currentTarget;
  const dragged = handle.closest(`[data-drop="${id}"]`);
  const line = document.createElement("div");
  line.className = "cdp-rb-drop-line";
  dragged.classList.add("is-dragged");
  handle.setPointerCapture(event.pointerId);
  let place = null;

  const move = (at) => {
    place = placeAt(at.clientX, at.clientY, id, now.current.tree);
    if (place) place.show(line);
    else line.remove();
    scrollAlong(at.clientY);
  };
  const end = (isKept) => {
    handle.removeEventListener("pointermove", move);
    handle.removeEventListener("pointerup", drop);
    handle.removeEventListener("pointercancel", cancel);
    document.removeEventListener("keydown", press, true);
    dragged.classList.remove("is-dragged");
    line.remove();
    const next = isKept && place ? moved(now.current.tree, id, place.group, place.index) : null;
    if (next) now.current.onChange(next);
  };
  const drop = () => end(true);
  const cancel = () => end(false);
  const press = (key) => {
    if (key.key !== "Escape") return;
    key.preventDefault();
    end(false);
  };
  handle.addEventListener("pointermove", move);
  handle.addEventListener("pointerup", drop);
  handle.addEventListener("pointercancel", cancel);
  document.addEventListener("keydown", press, true);
}

/** Where a part would go that is let go here: before or after the part under the pointer, or into the group. */
function placeAt(x, y, id, tree) {
  const all = [...nodesOf(tree)];
  const element = document.elementsFromPoint(x, y).map((one) => one.closest("[data-drop]")).find((one) => one && all.some(({ node }) => node.id === one.dataset.drop));
  if (!element) return null;
  const over = all.find(({ node }) => node.id === element.dataset.drop);
  const box = element.getBoundingClientRect();
  const found = isGroup(over.node) && !isAtEdge(y, box, over) ? inside(over, element, y) : over.parent && beside(over, element, y < box.top + box.height / 2);
  return found && moved(tree, id, found.group, found.index) ? found : null;
}

function isAtEdge(y, box, over) {
  return Boolean(over.parent) && (y < box.top + 8 || y > box.bottom - 8);
}

function beside(over, element, isBefore) {
  return { group: over.parent.id, index: over.index + (isBefore ? 0 : 1), show: (line) => (isBefore ? element.before(line) : element.after(line)) };
}

function inside(over, element, y) {
  const body = element.querySelector(":scope > .cdp-rb-group-body");
  const rows = [...body.children].filter((one) => one.dataset.drop);
  const index = rows.filter((row) => { const box = row.getBoundingClientRect(); return y > box.top + box.height / 2; }).length;
  return { group: over.node.id, index, show: (line) => (rows[index] ? rows[index].before(line) : body.append(line)) };
}

function scrollAlong(y) {
  const edge = 60;
  if (y < edge) window.scrollBy(0, -12);
  else if (y > window.innerHeight - edge) window.scrollBy(0, 12);
}
