/** A version's content as text, with its rule taken out and put back; everything beside the rule is left as it is. */
import { isObject, parse, print, same } from "./json.js";
import { toDocument, toTree } from "./tree.js";

/**
 * What is drawn and what is written, always of one mind. `tree` is the last rule that could be read; `trouble` says why
 * the text is none at the moment.
 * @typedef {{text: string, content: any, tree: any, trouble: {message: string, line?: number, column?: number}|null}} State
 */

/** The state after the text changed. @returns {State} */
export function fromText(text, before = null) {
  let content;
  try {
    content = parse(text).value;
  } catch (error) {
    if (error.line === undefined) throw error;
    return { ...(before || blank()), text, trouble: { message: error.message, line: error.line, column: error.column } };
  }
  if (!isObject(content)) {
    return { ...(before || blank()), text, trouble: { message: 'A segment is an object with a "rule"' } };
  }
  const rule = "rule" in content ? content.rule : {};
  const unchanged = before && same(toDocument(before.tree), rule);
  return { text, content, tree: unchanged ? before.tree : toTree(rule, before && before.tree), trouble: null };
}

/** The state after the tree changed. @returns {State} */
export function fromTree(tree, before) {
  return fromContent({ ...before.content, rule: toDocument(tree) }, tree);
}

/** The state after something beside the rule changed. A field whose value is undefined goes. @returns {State} */
export function withField(before, name, value) {
  const content = { ...before.content };
  if (value === undefined) delete content[name];
  else content[name] = value;
  return fromContent(content, before.tree);
}

/** The same content in lines. @returns {State} */
export function tidied(before) {
  return fromContent(before.content, before.tree);
}

function fromContent(content, tree) {
  return { text: print(content), content, tree, trouble: null };
}

function blank() {
  return { text: "", content: { rule: {} }, tree: toTree({}), trouble: null };
}
