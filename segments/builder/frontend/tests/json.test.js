import assert from "node:assert/strict";
import test from "node:test";
import { Exact, NotJson, parse, print, same, typedNumber } from "../src/json.js";

test("numbers keep every digit", () => {
  for (const text of ["0.10", "12345678901234567890", "1e30", "-0", "1.0", "99999999999999999999999999999.123456789"]) {
    assert.equal(print(parse(text).value), text);
    assert.ok(parse(text).value instanceof Exact);
  }
  assert.equal(parse("0.1").value, 0.1);
});

test("a text is read as JSON.parse reads it", () => {
  const texts = ['{"a": [1, "x\\u00e4\\n", true, null, {}], "__proto__": 2}', "[]", ' "é" ', "-1.5", "{}"];
  for (const text of texts) assert.deepEqual(JSON.stringify(parse(text).value), JSON.stringify(JSON.parse(text)));
});

test("what JSON.parse refuses is refused, with its place", () => {
  for (const text of ["", "{", '{"a" 1}', "[1,]", "01", "nul", '{"a": 1} x', '"\n"', "{'a': 1}", "1.", "[1 2]", '{"a": 1,}']) {
    assert.throws(() => JSON.parse(text), text);
    assert.throws(() => parse(text), NotJson, text);
  }
  assert.throws(() => parse('{\n  "a": ?\n}'), (error) => error.line === 2 && error.column === 8);
  assert.throws(() => parse("[".repeat(300)), NotJson);
});

test("every part knows where it stands, under the path the server uses", () => {
  const text = '{"all": [{"trait": "a"}, {"not": {"x y": 1}}]}';
  const { places } = parse(text);
  assert.equal(text.slice(places.get("$.all[1].not")).startsWith('{"x y"'), true);
  assert.ok(places.has('$.all[1].not["x y"]'));
});

test("what is printed is read back the same", () => {
  const value = { rule: { all: [{ trait: "a", op: "between", value: [new Exact("1.50"), 2] }, { not: {} }, []] }, note: "x".repeat(200) };
  assert.ok(same(parse(print(value)).value, value));
  assert.ok(!same({ a: 1 }, { a: new Exact("1.0") }), "another spelling is another text");
  assert.ok(same({ a: 1, b: 2 }, { b: 2, a: 1 }));
});

test("a typed number is read as a person means it", () => {
  assert.equal(typedNumber(" 007 "), 7);
  assert.equal(typedNumber("+3.5"), 3.5);
  assert.equal(typedNumber(".5"), 0.5);
  assert.equal(typedNumber("2.50").text, "2.50");
  for (const text of ["", "-", "1,5", "1e5", "x", "1.", "--1"]) assert.equal(typedNumber(text), null, text);
});
