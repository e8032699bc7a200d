/**
 * Reads one content a line and answers for each whether its rule came through the builder as it was, text to tree to
 * text, the trees inside its wheres as well; whether every part stands where the server's paths say; and which forms
 * draw its parts. The contents come from tests/segments/test_builder_frontend.py.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fromText, fromTree } from "../src/content.js";
import { isObject, parse, print, same } from "../src/json.js";
import { kindOf } from "../src/language.js";
import { nodesOf, placesOf, toDocument, toTree } from "../src/tree.js";

const language = JSON.parse(readFileSync(process.argv[2], "utf8"));

for await (const line of createInterface({ input: process.stdin })) {
  const { places, value } = parse(line);
  const state = fromText(line);
  const again = fromTree(state.tree, state);
  const inside = looked(state.tree, "$.rule");
  const answer = {
    same: same(parse(again.text).value, value) && same(parse(print(value)).value, value) && inside.same,
    placed: inside.paths.every((path) => places.has(path)),
    kinds: inside.kinds,
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** A tree and the trees inside its parts. */
function looked(tree, root) {
  const placed = placesOf(tree, root);
  const found = { same: true, paths: [...placed.values()], kinds: [] };
  for (const { node } of nodesOf(tree)) {
    if (node.rules) continue;
    found.kinds.push(kindOf(node.value, language));
    for (const [where, path] of wheresOf(node.value, placed.get(node.id))) {
      const inner = toTree(where);
      const below = looked(inner, path);
      found.same &&= same(toDocument(inner), where) && below.same;
      found.paths.push(...below.paths);
      found.kinds.push(...below.kinds);
    }
  }
  return found;
}

function* wheresOf(part, path) {
  if (!isObject(part) || kindOf(part, language) === "json") return;
  if ("where" in part) yield [part.where, `${path}.where`];
  if (isObject(part.trend) && "where" in part.trend) yield [part.trend.where, `${path}.trend.where`];
  if (isObject(part.not_since) && "where" in part.not_since) yield [part.not_since.where, `${path}.not_since.where`];
  if (isObject(part.repeated)) yield* wheresOf(part.repeated, `${path}.repeated`);
  for (const [at, step] of (Array.isArray(part.sequence) ? part.sequence : []).entries()) {
    if ("where" in step) yield [step.where, `${path}.sequence[${at}].where`];
  }
}
