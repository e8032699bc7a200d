/**
 * What the parts of a rule are, told from the server's description of the language: which editor draws a part, what a
 * new part says, and how one changes into another. Pure: documents in, documents out.
 */
import { isNumber, isObject, joined } from "./json.js";

export const UNITS = [["s", "seconds"], ["m", "minutes"], ["h", "hours"], ["d", "days"]];
const DURATION = /^([1-9][0-9]{0,8})([smhd])$/;
const TEXT_FIELDS = new Set(["trait", "property", "event", "purpose", "measure", "lifecycle", "op", "duration", "moment", "segment", "list", "context", "session_measure"]);
/** Kinds that have an editor. A kind without one is drawn as a block of JSON. */
const DRAWN = ["sequence", "repeated", "session", "lifecycle", "trend", "event", "trait", "property", "context", "consent", "segment", "list"];
const COMBINATIONS = ["all", "any", "not"];

/** @returns {{amount: string, unit: string}|null} */
export function durationOf(text) {
  const found = typeof text === "string" ? DURATION.exec(text) : null;
  return found && { amount: found[1], unit: found[2] };
}

/** Which editor draws this part: one of DRAWN, "new" for one that says nothing yet, "json" for anything else. */
export function kindOf(part, language) {
  if (!isObject(part)) return "json";
  const names = Object.keys(part);
  if (!names.length) return "new";
  const kind = DRAWN.find((one) => names.includes(one) && language.nodes[one]);
  if (!kind) return "json";
  const fields = new Map(language.nodes[kind].fields.map((field) => [field.name, field]));
  if (names.some((name) => !fields.has(name))) return "json";
  if (names.some((name) => TEXT_FIELDS.has(fields.get(name).kind) && typeof part[name] !== "string")) return "json";
  return isDrawable(kind, part) ? kind : "json";
}

function isDrawable(kind, part) {
  if (kind === "sequence") return Array.isArray(part.sequence) && part.sequence.every(isStep);
  if (kind === "trend") return isObject(part.trend) && onlyNames(part.trend, ["event", "measure", "of", "within", "where"]) && typeof part.trend.event === "string";
  if (kind === "session") return isObject(part.session) && isSession(part.session);
  if (kind === "repeated") return isObject(part.repeated) && isNumber(part.times) && typeof part.within === "string";
  if (kind === "lifecycle") return typeof part.event === "string" && (!("not_since" in part) || typeof part.not_since === "string" || isStep(part.not_since));
  if (kind === "event") return typeof part.measure === "string";
  return true;
}

function isSession(session) {
  return onlyNames(session, ["gap", "events", "ended"]) && typeof session.gap === "string" && (!("ended" in session) || typeof session.ended === "boolean")
    && (!("events" in session) || (Array.isArray(session.events) && session.events.every((event) => typeof event === "string")));
}

function isStep(step) {
  return isObject(step) && typeof step.event === "string" && onlyNames(step, ["event", "where", "within", "absent"])
    && (!("within" in step) || typeof step.within === "string") && (!("absent" in step) || typeof step.absent === "boolean");
}

function onlyNames(object, names) {
  return Object.keys(object).every((name) => names.includes(name));
}

/** Whether a part may stand here at all, so that it is offered. */
export function isOffered(kind, place, language) {
  return Boolean(language.nodes[kind]) && language.nodes[kind].places.includes(place) && !COMBINATIONS.includes(kind);
}

// -- what operators take -------------------------------------------------------------------------------------------

export function takesOf(op, language) {
  return language.operators[op] ? language.operators[op].takes : "one";
}

/** The type of what a part compares: a catalogue type, "whole" or "duration"; "" where it is not known. */
export function comparedType(part, names, language, event = null) {
  if ("trait" in part) return names.traits.get(part.trait) || "";
  if ("property" in part) return propertyType(names, event, part.property);
  if ("context" in part) return language.contexts[part.context] ? language.contexts[part.context].type : "";
  if ("trend" in part) return "number";
  if ("session" in part) return measureType(language.session.measures[part.measure], "");
  return measureType(language.measures[part.measure], propertyType(names, part.event, part.of));
}

function measureType(terms, ofType) {
  if (!terms) return "";
  return terms.result === "property" ? ofType : terms.result;
}

export function propertyType(names, event, property) {
  return (names.properties.get(event) || new Map()).get(property) || "";
}

/** The operators that may be asked of this part. */
export function operatorsFor(part, type, language) {
  if ("context" in part && language.contexts[part.context]) return language.contexts[part.context].operators;
  if ("trait" in part || "property" in part || "context" in part) return language.operators_of_type[type] || Object.keys(language.operators);
  const barred = new Set(language.operators_not_of_measures);
  const known = language.operators_of_result[type] || language.operators_of_type[type] || language.operators_of_result.number;
  return known.filter((op) => !barred.has(op));
}

/** A value to begin with. */
export function firstValue(type, takes) {
  if (takes === "duration" || type === "duration") return takes === "two" ? ["1d", "30d"] : "30d";
  const one = type === "boolean" ? true : type === "number" || type === "whole" ? 1 : type === "datetime" ? today() : "";
  if (takes === "several") return one === "" ? [] : [one];
  return takes === "two" ? [one, one] : one;
}

function today() {
  return new Date().toISOString().slice(0, 10);
}

/** The same comparison with another operator; what was typed is kept where it still makes sense. */
export function withOperator(part, op, type, language) {
  const { value, ...rest } = part;
  const takes = takesOf(op, language);
  const next = { ...rest, op };
  if (takes === "nothing") return next;
  const kept = isThreshold(value) && !takesThresholds(next, language) ? undefined : value;
  return { ...next, value: carried(kept, takes, type) };
}

function carried(value, takes, type) {
  const given = Array.isArray(value) ? value : value === undefined ? [] : [value];
  const isSpan = typeof given[0] === "string" && durationOf(given[0]) !== null;
  if (takes === "duration") return isSpan ? given[0] : "30d";
  const kept = given.filter((one) => fits(one, type) && one !== "");
  if (takes === "several") return kept;
  if (takes === "two") return kept.length ? [kept[0], kept[1] === undefined ? kept[0] : kept[1]] : firstValue(type, "two");
  return kept.length ? kept[0] : firstValue(type, takes);
}

/** Whether a value is one of this type, so that its editor can hold it. */
export function fits(value, type) {
  if (type === "number" || type === "whole") return isNumber(value) || isThreshold(value);
  if (type === "boolean") return typeof value === "boolean";
  if (type === "duration") return durationOf(value) !== null;
  if (type === "datetime" || type === "text") return typeof value === "string";
  return !isObject(value) && !Array.isArray(value) && value !== null;
}

/** Whether a value is taken from the population: {"percentile": 80, "over": …}. */
export function isThreshold(value) {
  return isObject(value) && onlyNames(value, ["percentile", "mean_plus_sd", "over"]) && ("percentile" in value) !== ("mean_plus_sd" in value)
    && isNumber("percentile" in value ? value.percentile : value.mean_plus_sd) && (!("over" in value) || typeof value.over === "string");
}

/** Whether a part may be compared with a value taken from the population. */
export function takesThresholds(part, language) {
  return Boolean(language.thresholds) && language.thresholds.operators.includes(part.op) && ("trait" in part || "event" in part);
}

// -- new parts ------------------------------------------------------------------------------------------------------

/** What a part says when it has just been chosen: `choice` is "<kind>:<name>". */
export function newPart(choice, names, language) {
  const at = choice.indexOf(":");
  const [kind, name] = [choice.slice(0, at), choice.slice(at + 1)];
  if (kind === "trait") return newTest({ trait: name }, names.traits.get(name) || "", language);
  if (kind === "event") return { event: name, measure: "count", op: ">=", value: 1, within: "30d" };
  if (kind === "sequence") return { sequence: [{ event: firstEvent(names) }, { event: firstEvent(names) }], within: "24h" };
  if (kind === "session") return { session: { gap: "30m" }, measure: "count", op: ">=", value: 1, within: "30d" };
  if (kind === "repeated") return { repeated: { event: firstEvent(names), measure: "count", op: ">=", value: 1, within: "1h" }, times: 3, within: "1d" };
  return { [kind]: name };
}

/** The same for a part of a where: a property of the event, or a circumstance of it. */
export function newCondition(choice, event, names, language) {
  const [kind, name] = [choice.slice(0, choice.indexOf(":")), choice.slice(choice.indexOf(":") + 1)];
  if (kind === "property") return newTest({ property: name }, propertyType(names, event, name), language);
  const { type, choices } = language.contexts[name];
  return { context: name, op: "=", value: choices.length ? choices[0] : firstValue(type, "one") };
}

function newTest(named, type, language) {
  if (type === "list" || type === "object") return { ...named, op: "exists" };
  if (type === "datetime" && takesOf("within_last", language) === "duration" && language.operators.within_last) return { ...named, op: "within_last", value: "30d" };
  return { ...named, op: "=", value: firstValue(type, "one") };
}

function firstEvent(names) {
  return names.events[0] || "";
}

// -- the ways of looking at an event -----------------------------------------------------------------------------

/** How an event is looked at: "measure:count", "lifecycle:returned", "trend:sum". */
export function viewOf(part) {
  if ("lifecycle" in part) return `lifecycle:${part.lifecycle}`;
  if ("trend" in part) return `trend:${part.trend.measure}`;
  return `measure:${part.measure}`;
}

/** Every way in which the language lets an event be looked at, with its words. */
export function viewsOf(language) {
  const measures = Object.entries(language.measures).map(([name, terms]) => [`measure:${name}`, name === "count" ? "happened" : terms.of.length ? `${terms.label} of` : name === "distinct_days" ? "happened on" : terms.label]);
  const lifecycles = language.nodes.lifecycle ? Object.entries(language.lifecycles).map(([name, terms]) => [`lifecycle:${name}`, terms.label]) : [];
  const trends = language.nodes.trend ? language.trend.measures.map((name) => [`trend:${name}`, name === "count" ? "times, compared with the stretch before" : "total, compared with the stretch before"]) : [];
  return [...measures, ...lifecycles, ...trends];
}

/** The same event looked at in another way; its window and its where come along. */
export function withView(part, view, names, language) {
  const [kind, name] = view.split(":");
  const inner = part.trend || part;
  const { event, where } = inner;
  const window = windowOf(inner);
  const tail = where === undefined ? {} : { where };
  if (kind === "lifecycle") return { lifecycle: name, event, ...(Object.keys(window).length ? window : { within: "30d" }), ...tail, ...ownField(name, names) };
  const of = propertyFor(event, inner.of, kind === "trend" && name === "sum" ? ["number"] : kind === "trend" ? [] : language.measures[name].of, names);
  const taken = of === null ? {} : { of };
  if (kind === "trend") return { trend: { event, measure: name, ...taken, within: window.within || "7d", ...tail }, op: ">=", value: 2 };
  const next = { event, measure: name, ...taken };
  const type = comparedType(next, names, language);
  const offered = operatorsFor(next, type, language);
  const op = offered.includes(part.op) ? part.op : offered.includes(">=") ? ">=" : offered[0];
  const compared = withOperator({ ...next, op, value: part.value }, op, type, language);
  return { ...compared, ...(language.measures[name].windowed ? window : {}), ...tail };
}

function ownField(lifecycle, names) {
  if (lifecycle === "returned") return { after: "30d" };
  return lifecycle === "not_since" ? { not_since: firstEvent(names) } : {};
}

function windowOf(part) {
  return Object.fromEntries(["within", "from", "to"].filter((name) => name in part).map((name) => [name, part[name]]));
}

/** The property that a measure takes: the one it had, else the first of a type it can use; null where it takes none. */
function propertyFor(event, had, types, names) {
  if (!types.length) return null;
  const known = [...(names.properties.get(event) || new Map())];
  const usable = known.filter(([, type]) => types.includes(type)).map(([name]) => name);
  if (had !== undefined && (usable.includes(had) || !usable.length)) return had;
  return usable[0] || "";
}

// -- the names a rule may use ---------------------------------------------------------------------------------------

/** What the server tells of the catalogue, for quick questions. */
export function namesOf(told) {
  const properties = new Map();
  for (const { event, name, type } of told.properties) {
    if (!properties.has(event)) properties.set(event, new Map());
    properties.get(event).set(name, type);
  }
  return {
    traits: new Map(told.traits.map(({ name, type }) => [name, type])),
    events: told.events.map(({ name }) => name),
    properties,
    purposes: told.purposes,
    segments: told.segments || [],
    lists: told.lists || [],
  };
}

/** Where a field of a part stands, for the problems that name it. */
export function fieldPath(path, ...fields) {
  return fields.reduce((at, field) => (typeof field === "number" ? `${at}[${field}]` : joined(at, field)), path);
}
