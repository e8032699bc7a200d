/**
 * A rule's document as the tree that react-querybuilder draws, and back, losing nothing.
 *
 *     {"all": [a, b]}           group, combinator "all"
 *     {"not": {"any": [a, b]}}  group, combinator "any", not
 *     {"not": a}                group, not, bare: its one part stands without a combination around it
 *     a                         rule with the part itself as its value
 *
 * The root of a tree is always a group; a document that is one part alone is a bare group around it. A part is kept
 * whole, whatever it says, so what no editor can draw comes back as it was.
 */
import { isObject } from "./json.js";

/** @typedef {{id: string, field: "part", operator: "is", value: any}} Part */
/** @typedef {{id: string, combinator: "all"|"any", not: boolean, bare: boolean, rules: (Part|Group)[]}} Group */

let made = 0;

export function newId() {
  made += 1;
  return `n${made}`;
}

/** @returns {Part} */
export function partOf(value, id = newId()) {
  return { id, field: "part", operator: "is", value };
}

/** Whether this node of a tree is a group. */
export function isGroup(node) {
  return Array.isArray(node.rules);
}

/**
 * The tree of a document. With the tree that was drawn before, parts in the same place keep their ids, so that what is
 * being edited stays where it is.
 * @param {any} document @param {Group|null} before @returns {Group}
 */
export function toTree(document, before = null) {
  const node = toNode(document, before && before.bare && !before.not ? before.rules[0] : before);
  if (isGroup(node)) return node;
  const id = before && before.bare && !before.not ? before.id : newId();
  return { id, combinator: "all", not: false, bare: true, rules: [node] };
}

function toNode(document, before) {
  const id = before ? before.id : newId();
  const only = onlyName(document);
  if (only === "all" || only === "any") {
    if (Array.isArray(document[only])) return group(id, only, false, document[only], before);
  }
  if (only === "not") {
    const inner = onlyName(document.not);
    if ((inner === "all" || inner === "any") && Array.isArray(document.not[inner])) {
      return group(id, inner, true, document.not[inner], before);
    }
    const child = toNode(document.not, childOf(before, 0));
    return { id, combinator: "any", not: true, bare: true, rules: [child] };
  }
  return partOf(document, before && !isGroup(before) ? id : newId());
}

function group(id, combinator, not, parts, before) {
  return { id, combinator, not, bare: false, rules: parts.map((part, index) => toNode(part, childOf(before, index))) };
}

function childOf(before, index) {
  return (before && isGroup(before) && before.rules[index]) || null;
}

function onlyName(document) {
  if (!isObject(document)) return null;
  const names = Object.keys(document);
  return names.length === 1 ? names[0] : null;
}

/** The document of a tree. */
export function toDocument(node) {
  if (!isGroup(node)) return node.value;
  const inner = isBare(node) ? toDocument(node.rules[0]) : { [node.combinator]: node.rules.map(toDocument) };
  return node.not ? { not: inner } : inner;
}

/** Whether a group's one part stands without a combination around it. With more than one, a group needs its word. */
function isBare(node) {
  return Boolean(node.bare) && node.rules.length === 1;
}

/**
 * Where each node of a tree stands in the document, as the server's problems spell it.
 * @param {Group} tree @param {string} root @returns {Map<string, string>}
 */
export function placesOf(tree, root = "$") {
  const places = new Map();
  const visit = (node, path) => {
    places.set(node.id, path);
    if (!isGroup(node)) return;
    const inside = node.not ? `${path}.not` : path;
    node.rules.forEach((child, index) => visit(child, isBare(node) ? inside : `${inside}.${node.combinator}[${index}]`));
  };
  visit(tree, root);
  return places;
}

/**
 * Which problems belong to which node: to the deepest one whose path begins the problem's path.
 * @param {Map<string, string>} places @param {{path: string}[]} problems @returns {Map<string, {path: string}[]>}
 */
export function problemsByNode(places, problems) {
  const found = new Map();
  for (const problem of problems) {
    let best = null;
    for (const [id, path] of places) {
      const rest = problem.path.startsWith(path) ? problem.path.slice(path.length) : null;
      const fits = rest === "" || (rest !== null && (rest[0] === "." || rest[0] === "["));
      // Of two nodes in one place (a bare group and its part) the inner one is visited last.
      if (fits && (best === null || path.length >= best.path.length)) best = { id, path };
    }
    if (best) found.set(best.id, [...(found.get(best.id) || []), problem]);
  }
  return found;
}

/** Every node with its parent and its place among the parent's parts. */
export function* nodesOf(node, parent = null, index = 0) {
  yield { node, parent, index };
  if (isGroup(node)) for (const [place, child] of node.rules.entries()) yield* nodesOf(child, node, place);
}

/**
 * The tree with one node moved into a group, before the part that stands at `index` there now. Null where that cannot
 * be: a group does not go into itself.
 */
export function moved(tree, id, groupId, index) {
  const all = [...nodesOf(tree)];
  const from = all.find((one) => one.node.id === id);
  const to = all.find((one) => one.node.id === groupId);
  if (!from || !from.parent || !to || !isGroup(to.node)) return null;
  if ([...nodesOf(from.node)].some((one) => one.node.id === groupId)) return null;
  const shift = from.parent.id === groupId && from.index < index ? 1 : 0;
  const taken = mapped(tree, from.parent.id, (rules) => rules.filter((rule) => rule.id !== id));
  return mapped(taken, groupId, (rules) => [...rules.slice(0, index - shift), from.node, ...rules.slice(index - shift)]);
}

/** The tree with the parts of one group changed. */
export function mapped(node, groupId, change) {
  if (!isGroup(node)) return node;
  const rules = node.rules.map((rule) => mapped(rule, groupId, change));
  return { ...node, rules: node.id === groupId ? change(rules) : rules };
}

/** How many levels a node has: a part has one. */
export function depthOf(node) {
  return isGroup(node) ? 1 + Math.max(0, ...node.rules.map(depthOf)) : 1;
}

/**
 * The tree with one node a step up (-1) or down (1): into a group that stands beside it, out of its own group at the
 * group's edge. So every place is within reach of a keyboard. Null where there is nowhere to go.
 */
export function shifted(tree, id, step) {
  const all = [...nodesOf(tree)];
  const from = all.find((one) => one.node.id === id);
  if (!from || !from.parent) return null;
  const beside = from.parent.rules[from.index + step];
  if (beside && isGroup(beside)) return moved(tree, id, beside.id, step > 0 ? 0 : beside.rules.length);
  if (beside) return moved(tree, id, from.parent.id, step > 0 ? from.index + 2 : from.index - 1);
  const around = all.find((one) => one.node.id === from.parent.id);
  if (!around || !around.parent) return null;
  return moved(tree, id, around.parent.id, step > 0 ? around.index + 1 : around.index);
}
