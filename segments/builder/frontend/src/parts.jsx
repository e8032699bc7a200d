/** The editors of single parts: what is asked about, how, and with what. */
import { useMemo } from "react";
import { Combobox } from "./Combobox.jsx";
import { usePage, useTree } from "./contexts.js";
import { EventEditor } from "./events.jsx";
import { SequenceEditor, SessionEditor, RepeatedEditor } from "./patterns.jsx";
import { Icon } from "./Icon.jsx";
import { JsonBlock } from "./JsonBlock.jsx";
import { comparedType, isOffered, kindOf, newCondition, newPart, propertyType, takesThresholds } from "./language.js";
import { OperatorSelect } from "./OperatorSelect.jsx";
import { ValueEditor } from "./values.jsx";

const EDITORS = {
  new: null,
  trait: TestEditor,
  property: TestEditor,
  context: TestEditor,
  consent: Plain,
  segment: Plain,
  list: Plain,
  event: EventEditor,
  lifecycle: EventEditor,
  trend: EventEditor,
  sequence: SequenceEditor,
  session: SessionEditor,
  repeated: RepeatedEditor,
};
const MARKS = { trait: "person", event: "bolt", lifecycle: "bolt", trend: "trending_up", consent: "flag", segment: "group", list: "list", sequence: "route", session: "schedule", repeated: "repeat", property: "sell", context: "devices", json: "data_object", new: "add_circle" };
const WORDS = { consent: "is in force", segment: "holds them as a member", list: "names them" };

/** One part of a rule: its subject, then whatever its kind asks for. */
export function PartEditor({ part, onChange, path, autoFocus }) {
  const { language } = usePage();
  const kind = kindOf(part, language);
  if (kind === "json") return <JsonBlock value={part} onChange={onChange} />;
  const Editor = EDITORS[kind];
  return (
    <div className={`cdp-rb-part is-${kind}`}>
      <span className="cdp-rb-mark"><Icon name={MARKS[kind]} /></span>
      <Subject part={part} kind={kind} onChange={onChange} autoFocus={autoFocus} />
      {Editor && <Editor part={part} onChange={onChange} path={path} />}
    </div>
  );
}

function Plain({ part }) {
  const kind = Object.keys(part).find((name) => WORDS[name]);
  return <span className="cdp-rb-word">{WORDS[kind]}</span>;
}

/** A comparison: of a trait, a property or a circumstance of an event. */
function TestEditor({ part, onChange }) {
  const { names, language } = usePage();
  const { event } = useTree();
  const type = comparedType(part, names, language, event);
  const label = part.trait || part.property || part.context;
  const choices = "context" in part && language.contexts[part.context] ? language.contexts[part.context].choices : [];
  const subject = "trait" in part ? { trait: part.trait } : "property" in part ? { event, property: part.property } : null;
  return (
    <>
      <OperatorSelect label={label} part={part} type={type} onChange={onChange} />
      <ValueEditor part={part} type={type} label={`Value of ${label}`} subject={type === "text" ? subject : null} choices={choices} thresholds={type === "number" && takesThresholds(part, language)} onChange={(value) => onChange({ ...part, value })} />
    </>
  );
}

/** What the part is about, chosen from everything a rule may name. */
function Subject({ part, kind, onChange, autoFocus }) {
  const { names, language, groups } = usePage();
  const { place, event } = useTree();
  const conditions = useMemo(() => conditionGroups(event, names, language), [event, names, language]);
  const offered = place === "condition" ? conditions : groups;
  const value = choiceOf(part, kind);
  const choose = (choice) => onChange(changed(part, kind, choice, { event, names, language }));
  return (
    <Combobox
      label={place === "condition" ? "Which property" : "What the condition is about"} className="cdp-rb-subject" value={value} shown={shownAs(part, kind, names, language)}
      groups={offered} onChoose={choose} autoFocus={autoFocus} invalid={kind === "new"} placeholder={place === "condition" ? "Choose a property" : "Choose a trait, an event, …"}
    />
  );
}

function choiceOf(part, kind) {
  if (kind === "new") return "";
  if (kind === "lifecycle") return `event:${part.event}`;
  if (kind === "trend") return `event:${part.trend.event}`;
  return ["sequence", "session", "repeated"].includes(kind) ? `${kind}:` : `${kind}:${part[kind]}`;
}

function shownAs(part, kind, names, language) {
  if (kind === "new") return "";
  if (kind === "trend") return part.trend.event;
  if (kind === "lifecycle") return part.event;
  if (kind === "consent") return `Consent to ${part.consent}`;
  if (kind === "segment") return (names.segments.find(({ key }) => key === part.segment) || { name: part.segment }).name;
  if (kind === "list") return (names.lists.find(({ key }) => key === part.list) || { name: part.list }).name;
  if (kind === "context" && language.contexts[part.context]) return language.contexts[part.context].label;
  return { sequence: "One thing after another", session: "Sessions", repeated: "Something repeated" }[kind] || part[kind];
}

function changed(part, kind, choice, { event, names, language }) {
  const [nextKind, name] = [choice.slice(0, choice.indexOf(":")), choice.slice(choice.indexOf(":") + 1)];
  if (nextKind === "property" || nextKind === "context") return newCondition(choice, event, names, language);
  // Another event, looked at in the same way; a where asks for the other event's properties, so it goes.
  if (nextKind === "event" && kind === "event" && !part.of) {
    const { where: _, ...rest } = part;
    return { ...rest, event: name };
  }
  return newPart(choice, names, language);
}

/** Everything a rule may be about, in the order in which people look for it. */
export function ruleGroups(names, language) {
  const types = (type) => type;
  const groups = [
    ["trait", "About the person", [...names.traits].map(([name, type]) => ({ value: `trait:${name}`, label: name, hint: types(type) }))],
    ["event", "What they did", names.events.map((name) => ({ value: `event:${name}`, label: name, hint: "event" }))],
    ["consent", "What they agreed to", names.purposes.map((name) => ({ value: `consent:${name}`, label: `Consent to ${name}`, hint: "consent" }))],
    ["segment", "Segments", names.segments.map(({ key, name }) => ({ value: `segment:${key}`, label: name, hint: key, search: key }))],
    ["list", "Uploaded lists", names.lists.map(({ key, name }) => ({ value: `list:${key}`, label: name, hint: key, search: key }))],
  ].map(([kind, label, options]) => ({ kind, label, options }));
  const patterns = [
    ["sequence", "One thing after another", "steps in order, with what must not happen"],
    ["session", "Sessions", "visits, their length and pages"],
    ["repeated", "Something repeated", "several times within a stretch"],
  ].filter(([kind]) => isOffered(kind, "rule", language)).map(([kind, label, hint]) => ({ value: `${kind}:`, label, hint }));
  return [...groups.filter(({ kind, options }) => options.length && isOffered(kind, "rule", language)), ...(patterns.length ? [{ label: "Patterns", options: patterns }] : [])];
}

function conditionGroups(event, names, language) {
  const properties = [...(names.properties.get(event) || new Map())].map(([name]) => ({ value: `property:${name}`, label: name, hint: propertyType(names, event, name) }));
  const contexts = isOffered("context", "condition", language) ? Object.entries(language.contexts).map(([name, { label }]) => ({ value: `context:${name}`, label, search: name })) : [];
  return [
    ...(properties.length ? [{ label: `Properties of ${event}`, options: properties }] : []),
    ...(contexts.length ? [{ label: "Circumstances", options: contexts }] : []),
  ];
}
