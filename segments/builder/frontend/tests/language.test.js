import assert from "node:assert/strict";
import test from "node:test";
import { Exact } from "../src/json.js";
import { comparedType, fits, isThreshold, kindOf, namesOf, newPart, operatorsFor, viewOf, viewsOf, withOperator, withView } from "../src/language.js";

const field = (name, kind, required = true) => ({ name, kind, required });
const compared = [field("op", "op"), field("value", "value", false)];
const window = [field("within", "duration", false), field("from", "moment", false), field("to", "moment", false)];
const language = {
  operators: Object.fromEntries([["=", "one"], ["!=", "one"], [">=", "one"], ["<", "one"], ["in", "several"], ["between", "two"], ["exists", "nothing"], ["within_last", "duration"]].map(([op, takes]) => [op, { label: op, takes }])),
  operators_of_type: { text: ["=", "in", "exists"], number: ["=", ">=", "in", "between", "exists"], datetime: ["=", "within_last", "exists"], boolean: ["=", "exists"], list: ["exists"] },
  operators_of_result: { whole: ["=", ">=", "in", "between"], number: ["=", ">=", "between"], duration: ["<", ">=", "between"] },
  operators_not_of_measures: ["exists", "within_last"],
  measures: {
    count: { label: "number of times", of: [], result: "whole", windowed: true },
    sum: { label: "total", of: ["number"], result: "number", windowed: true },
    last: { label: "latest value", of: ["text", "number"], result: "property", windowed: true },
    since_last: { label: "time since", of: [], result: "duration", windowed: false },
  },
  lifecycles: { first_time: { label: "first", takes: null }, returned: { label: "again", takes: field("after", "duration") }, not_since: { label: "not since", takes: field("not_since", "step") } },
  trend: { fields: [], measures: ["count", "sum"] },
  contexts: { country: { label: "country", type: "text", choices: [], operators: ["=", "in"] } },
  nodes: {
    trait: { places: ["rule"], fields: [field("trait", "trait"), ...compared] },
    event: { places: ["rule"], fields: [field("event", "event"), field("measure", "measure"), field("of", "property", false), ...compared, ...window, field("where", "condition", false)] },
    lifecycle: { places: ["rule"], fields: [field("lifecycle", "lifecycle"), field("event", "event"), ...window, field("where", "condition", false), field("after", "duration", false), field("not_since", "step", false)] },
    trend: { places: ["rule"], fields: [field("trend", "object"), ...compared] },
    consent: { places: ["rule"], fields: [field("consent", "purpose")] },
  },
};
const names = namesOf({
  traits: [{ name: "country", type: "text" }, { name: "born", type: "datetime" }, { name: "tags", type: "list" }],
  events: [{ name: "Order" }, { name: "View" }],
  properties: [{ event: "Order", name: "revenue", type: "number" }, { event: "Order", name: "kind", type: "text" }],
  purposes: ["marketing"],
});
const order = { event: "Order", measure: "count", op: ">=", value: 3, within: "10m", where: { property: "kind", op: "=", value: "a" } };

test("a part has a form where its shape is one that the form can hold whole", () => {
  assert.equal(kindOf(order, language), "event");
  assert.equal(kindOf({}, language), "new");
  for (const part of [{ ...order, more: 1 }, { ...order, within: 5 }, { trait: 1, op: "=" }, { unheard: 1 }, [], null, "x", { event: "Order" }, { list: "a" }, { trend: 5 }]) {
    assert.equal(kindOf(part, language), "json", JSON.stringify(part));
  }
  assert.equal(kindOf({ trait: "country", op: "unheard of", value: { any: "thing" } }, language), "trait", "a value has a field of its own for what it is");
});

test("another operator keeps what was typed, as far as it fits", () => {
  const at = (part, op, type) => withOperator(part, op, type, language);
  const one = { trait: "country", op: "=", value: "DE" };
  assert.deepEqual(at(one, "in", "text").value, ["DE"]);
  assert.deepEqual(at(at(one, "in", "text"), "=", "text"), one);
  assert.ok(!("value" in at(one, "exists", "text")));
  assert.deepEqual(at({ ...one, value: "" }, "in", "text").value, []);
  const number = { trait: "n", op: "=", value: new Exact("1.50") };
  assert.deepEqual(at(number, "between", "number").value, [number.value, number.value]);
  assert.equal(at({ trait: "d", op: "=", value: "2026-01-31" }, "within_last", "datetime").value, "30d");
});

test("another way of looking at an event keeps the event, its window and its where", () => {
  const seen = (view, part = order) => withView(part, view, names, language);
  assert.deepEqual(seen("measure:sum"), { event: "Order", measure: "sum", of: "revenue", op: ">=", value: 3, within: "10m", where: order.where });
  assert.deepEqual(seen("lifecycle:returned"), { lifecycle: "returned", event: "Order", within: "10m", where: order.where, after: "30d" });
  assert.deepEqual(seen("trend:count").trend, { event: "Order", measure: "count", within: "10m", where: order.where });
  const since = seen("measure:since_last");
  assert.deepEqual([since.value, "within" in since, since.where], ["30d", false, order.where]);
  for (const [view] of viewsOf(language)) {
    const next = seen(view);
    assert.equal(viewOf(next), view);
    assert.notEqual(kindOf(next, language), "json", view);
    for (const [back] of viewsOf(language)) assert.equal(viewOf(withView(next, back, names, language)), back);
  }
});

test("a new part is one that its form can hold, with an operator of its type", () => {
  for (const choice of ["trait:country", "trait:born", "trait:tags", "event:Order", "consent:marketing"]) {
    const part = newPart(choice, names, language);
    assert.equal(kindOf(part, language), choice.split(":")[0]);
    if ("op" in part) assert.ok(operatorsFor(part, comparedType(part, names, language), language).includes(part.op), choice);
  }
});

test("a value fits its type, and a threshold a number", () => {
  assert.ok(fits(new Exact("0.10"), "number") && !fits("1", "number") && fits("30d", "duration") && !fits(true, "text"));
  assert.ok(isThreshold({ percentile: 80 }) && isThreshold({ mean_plus_sd: new Exact("2.0"), over: "vip" }));
  for (const value of [{ percentile: 80, mean_plus_sd: 2 }, { percentile: "80" }, { over: "vip" }, {}, 80]) assert.ok(!isThreshold(value));
});
