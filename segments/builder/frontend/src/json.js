/**
 * JSON as its author wrote it: numbers keep every digit, and every part knows where in the text it stands.
 *
 * `JSON.parse` bends 0.10 into 0.1 and 12345678901234567890 into 12345678901234567000. A rule's threshold must come out
 * of the builder as it went in, so a number that JavaScript would spell otherwise is kept as `Exact`.
 */

/** A number whose text JavaScript's own numbers would change. */
export class Exact {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    Object.freeze(this);
  }
}

/** What is wrong with a text, and at which character. */
export class NotJson extends Error {
  /** @param {string} message @param {number} offset @param {string} text */
  constructor(message, offset, text) {
    super(message);
    const before = text.slice(0, offset).split("\n");
    this.line = before.length;
    this.column = before[before.length - 1].length + 1;
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const MOST_LEVELS = 200;

/**
 * Read a text. Returns the value, and the offset at which each path begins.
 * @param {string} text
 * @returns {{value: any, places: Map<string, number>}}
 */
export function parse(text) {
  const places = new Map();
  let at = 0;

  const skip = () => {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    at = SPACE.lastIndex;
  };
  const fail = (message) => {
    throw new NotJson(message, at, text);
  };
  const match = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found && found[0];
  };
  const expect = (character, what) => {
    skip();
    if (text[at] !== character) fail(at < text.length ? `Expected ${what}, not "${text[at]}"` : `The text ends where ${what} was expected`);
    at += 1;
  };
  const string = () => {
    const found = match(STRING);
    return found === null ? fail(text[at] === '"' ? "This text has no end, or holds a character that must be escaped" : "Expected a name in quotation marks") : JSON.parse(found);
  };

  const value = (path, level) => {
    skip();
    if (level > MOST_LEVELS) fail("This is nested too deep");
    places.set(path, at);
    const first = text[at];
    if (first === "{") return object(path, level);
    if (first === "[") return list(path, level);
    if (first === '"') return string();
    for (const [word, meant] of [["true", true], ["false", false], ["null", null]]) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meant;
      }
    }
    const found = match(NUMBER);
    if (found === null) fail(at < text.length ? `"${text[at]}" begins no value` : "The text ends where a value was expected");
    return numeral(found);
  };

  const object = (path, level) => {
    const made = {};
    at += 1;
    skip();
    if (text[at] === "}") {
      at += 1;
      return made;
    }
    for (;;) {
      skip();
      const key = string();
      expect(":", "a colon");
      put(made, key, value(joined(path, key), level + 1));
      skip();
      if (text[at] === "}") break;
      expect(",", "a comma or }");
    }
    at += 1;
    return made;
  };

  const list = (path, level) => {
    const made = [];
    at += 1;
    skip();
    if (text[at] === "]") {
      at += 1;
      return made;
    }
    for (;;) {
      made.push(value(`${path}[${made.length}]`, level + 1));
      skip();
      if (text[at] === "]") break;
      expect(",", "a comma or ]");
    }
    at += 1;
    return made;
  };

  const whole = value("$", 0);
  skip();
  if (at < text.length) fail("Nothing may follow here");
  return { value: whole, places };
}

/** A path one name further, as the parser of rules spells it. */
export function joined(path, key) {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `${path}.${key}` : `${path}["${key.slice(0, 60)}"]`;
}

/** A number from its text: JavaScript's own where that loses nothing. */
export function numeral(text) {
  return String(Number(text)) === text ? Number(text) : new Exact(text);
}

/** A number as a person typed it, or null where it is none. Leading zeros and signs are forgiven. */
export function typedNumber(text) {
  const found = /^\s*([+-]?)0*([0-9]+|(?=\.))(\.[0-9]+)?\s*$/.exec(text);
  if (!found || !(found[2] || found[3])) return null;
  return numeral(`${found[1] === "-" ? "-" : ""}${found[2] || "0"}${found[3] || ""}`);
}

/** Whether this value is a number, of either kind. */
export function isNumber(value) {
  return typeof value === "number" || value instanceof Exact;
}

/** A number's digits. */
export function digits(value) {
  return value instanceof Exact ? value.text : String(value);
}

/** Whether this is an object with names, and neither a list nor a number. */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Exact);
}

/** Spell a value with two spaces a level; short lists and objects without inner ones stay on one line. */
export function print(value, indent = "") {
  const inner = `${indent}  `;
  if (value instanceof Exact) return value.text;
  if (Array.isArray(value)) {
    if (!value.length) return "[]";
    const parts = value.map((item) => print(item, inner));
    return isShort(parts, value) ? `[${parts.join(", ")}]` : `[\n${parts.map((part) => inner + part).join(",\n")}\n${indent}]`;
  }
  if (isObject(value)) {
    const names = Object.keys(value);
    if (!names.length) return "{}";
    const parts = names.map((name) => `${JSON.stringify(name)}: ${print(value[name], inner)}`);
    return isShort(parts, Object.values(value)) ? `{${parts.join(", ")}}` : `{\n${parts.map((part) => inner + part).join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value);
}

function isShort(parts, values) {
  const flat = values.every((item) => typeof item !== "object" || item === null || item instanceof Exact || !Object.keys(item).length);
  return flat && parts.join(", ").length <= 72;
}

/** Whether two values are the same JSON; the order of names does not count, every digit of a number does. */
export function same(a, b) {
  if (a === b) return true;
  if (a instanceof Exact || b instanceof Exact) return a instanceof Exact && b instanceof Exact && a.text === b.text;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => same(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}

function put(object, key, value) {
  // "__proto__" is a name like any other in JSON, and not in JavaScript.
  Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}
