import assert from "node:assert/strict";
import test from "node:test";
import { depthOf, mapped, moved, nodesOf, partOf, placesOf, problemsByNode, shifted, toDocument, toTree } from "../src/tree.js";

const a = { trait: "a", op: "=", value: 1 };
const b = { trait: "b", op: "=", value: 2 };
const c = { consent: "marketing" };

test("every document comes back as it was", () => {
  const documents = [
    a, { all: [a] }, { any: [a, b] }, { not: a }, { not: { all: [a] } }, { not: { not: a } }, { all: [] }, { any: [{ all: [] }] },
    { not: { not: { any: [a, { not: { all: [b, { not: c }] } }] } } },
    {}, [], "text", 5, null, true, { all: "none" }, { all: [a], more: 1 }, { not: [] }, { not: { all: 3 } }, { all: [1, null, [a]] },
    { unheard: { of: [1] } }, { all: [{ unheard: 1 }] },
  ];
  for (const document of documents) {
    assert.deepEqual(toDocument(toTree(document)), document);
    assert.deepEqual(toDocument(toTree(document, toTree({ any: [b, { not: a }] }))), document, "whatever was drawn before");
  }
});

test("what stays in its place keeps its id", () => {
  const before = toTree({ all: [a, { any: [b, c] }] });
  const after = toTree({ all: [{ ...a, value: 9 }, { any: [b, c, a] }] }, before);
  assert.equal(after.id, before.id);
  assert.equal(after.rules[0].id, before.rules[0].id);
  assert.equal(after.rules[1].rules[1].id, before.rules[1].rules[1].id);
  const ids = [...nodesOf(after)].map(({ node }) => node.id);
  assert.equal(new Set(ids).size, ids.length);
});

test("a part alone becomes one of several when another joins it", () => {
  const tree = toTree(a);
  assert.deepEqual(toDocument({ ...tree, rules: [...tree.rules, partOf(b)] }), { all: [a, b] });
  const not = toTree({ not: a });
  assert.deepEqual(toDocument({ ...not, rules: [...not.rules, partOf(b)] }), { not: { any: [a, b] } });
});

test("nodes stand where the parser says that problems are", () => {
  const tree = toTree({ all: [a, { not: { any: [b, { not: c }] } }] });
  const paths = [...placesOf(tree).values()];
  assert.deepEqual(paths, ["$", "$.all[0]", "$.all[1]", "$.all[1].not.any[0]", "$.all[1].not.any[1]", "$.all[1].not.any[1].not"]);
  const where = placesOf(toTree({ all: [a] }), "$.all[3].where");
  assert.deepEqual([...where.values()], ["$.all[3].where", "$.all[3].where.all[0]"]);
});

test("a problem is told at the deepest node that holds its place", () => {
  const tree = toTree({ all: [a, { any: [b, c] }] });
  const problems = ["$.all[0].value", "$.all[1].any[1].consent", "$.all[1].any", "$", "$.all[10]"].map((path) => ({ path }));
  const found = problemsByNode(placesOf(tree), problems);
  const at = (node) => (found.get(node.id) || []).map(({ path }) => path);
  assert.deepEqual(at(tree.rules[0]), ["$.all[0].value"]);
  assert.deepEqual(at(tree.rules[1].rules[1]), ["$.all[1].any[1].consent"]);
  assert.deepEqual(at(tree.rules[1]), ["$.all[1].any"]);
  assert.deepEqual(at(tree), ["$", "$.all[10]"], "$.all[10] is not inside $.all[1]");
  const alone = toTree(a);
  assert.deepEqual([...problemsByNode(placesOf(alone), [{ path: "$" }]).keys()], [alone.rules[0].id]);
});

test("a node is moved before another, into a group and out of it, and never into itself", () => {
  const tree = toTree({ all: [a, b, { any: [c] }] });
  const [first, second, group] = tree.rules;
  assert.deepEqual(toDocument(moved(tree, first.id, tree.id, 2)), { all: [b, a, { any: [c] }] });
  assert.deepEqual(toDocument(moved(tree, second.id, tree.id, 0)), { all: [b, a, { any: [c] }] });
  assert.deepEqual(toDocument(moved(tree, first.id, group.id, 1)), { all: [b, { any: [c, a] }] });
  assert.deepEqual(toDocument(moved(tree, group.rules[0].id, tree.id, 0)), { all: [c, a, b, { any: [] }] });
  assert.equal(moved(tree, group.id, group.id, 0), null);
  assert.equal(moved(tree, tree.id, group.id, 0), null);
});

test("steps up and down reach every place and undo each other", () => {
  const tree = toTree({ all: [a, { any: [b] }, c] });
  const [first, group] = tree.rules;
  const into = shifted(tree, first.id, 1);
  assert.deepEqual(toDocument(into), { all: [{ any: [a, b] }, c] });
  const below = shifted(into, first.id, 1);
  assert.deepEqual(toDocument(below), { all: [{ any: [b, a] }, c] });
  const out = shifted(below, first.id, 1);
  assert.deepEqual(toDocument(out), { all: [{ any: [b] }, a, c] });
  assert.deepEqual(toDocument(shifted(out, first.id, -1)), toDocument(below));
  assert.deepEqual(toDocument(shifted(tree, group.id, 1)), { all: [a, c, { any: [b] }] });
  assert.equal(shifted(tree, first.id, -1), null);
  assert.equal(shifted(tree, tree.rules[2].id, 1), null);
});

test("parts are never lost and never doubled, however they are moved", () => {
  const tree = toTree({ all: [a, { any: [b, { not: { all: [c, a] } }] }, { not: b }] });
  const leaves = (one) => [...nodesOf(one)].map(({ node }) => node.id).sort();
  for (const { node } of nodesOf(tree)) {
    for (const { node: group } of nodesOf(tree)) {
      for (let index = 0; group.rules && index <= group.rules.length; index += 1) {
        const next = moved(tree, node.id, group.id, index);
        if (next) assert.deepEqual(leaves(next), leaves(tree));
      }
    }
  }
});

test("depth counts levels as the limit does", () => {
  assert.equal(depthOf(toTree({ all: [a, { any: [b] }] })), 3);
  assert.deepEqual(toDocument(mapped(toTree({ all: [a] }), "nobody", () => [])), { all: [a] });
});
