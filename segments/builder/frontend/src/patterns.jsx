/** Patterns over several events: steps in order, sessions, something repeated. */
import { useRef } from "react";
import { Combobox } from "./Combobox.jsx";
import { EventSelect, Window } from "./events.jsx";
import { Icon } from "./Icon.jsx";
import { usePage } from "./contexts.js";
import { comparedType, withOperator } from "./language.js";
import { OperatorSelect } from "./OperatorSelect.jsx";
import { PartEditor } from "./parts.jsx";
import { newId } from "./tree.js";
import { DurationField, NumberField, Select, ValueEditor } from "./values.jsx";
import { Where } from "./Where.jsx";

/** Steps in order within a stretch of time; a step may be one that must not happen. */
export function SequenceEditor({ part, onChange, path }) {
  const { language } = usePage();
  const steps = part.sequence;
  const put = (next) => onChange({ ...part, sequence: next });
  const change = (at, step) => put(steps.map((one, place) => (place === at ? step : one)));
  const move = (at, by) => put(swapped(steps, at, at + by));
  const ids = useIds(steps.length);
  return (
    <div className="cdp-rb-sequence">
      <ol aria-label="Steps in order">
        {steps.map((step, at) => (
          <Step key={ids[at]} step={step} at={at} last={steps.length - 1} path={`${path}.sequence[${at}]`} onChange={(next) => change(at, next)} onMove={(by) => move(at, by)} onRemove={() => put(steps.filter((_, place) => place !== at))} />
        ))}
      </ol>
      <div className="cdp-rb-row">
        {steps.length < language.sequence.steps[1] && <button type="button" className="cdp-rb-link" onClick={() => put([...steps, { event: "" }])}>+ another step</button>}
        <span className="cdp-rb-word">all of it within</span>
        <DurationField label="The whole sequence within" value={part.within} onChange={(within) => onChange({ ...part, within })} />
      </div>
    </div>
  );
}

function Step({ step, at, last, path, onChange, onMove, onRemove }) {
  const isAbsent = step.absent === true;
  const asAbsent = (word) => {
    const { absent: _, ...rest } = step;
    onChange(word === "no" ? { ...rest, absent: true, ...(at === last && !("within" in rest) ? { within: "15m" } : {}) } : rest);
  };
  const setGap = (isSet) => {
    const { within: _, ...rest } = step;
    onChange(isSet ? { ...step, within: "1h" } : rest);
  };
  const name = `Step ${at + 1}`;
  return (
    <li className={`cdp-rb-step${isAbsent ? " is-absent" : ""}`}>
      <div className="cdp-rb-row">
        {at === 0 && !isAbsent ? <span className="cdp-rb-word">first</span> : (
          <Select label={`${name}: happens or not`} value={isAbsent ? "no" : "yes"} onChange={asAbsent} className="cdp-rb-quiet" options={[["yes", "then"], ["no", "then no"]]} />
        )}
        <EventSelect label={`${name}: event`} value={step.event} onChange={(event) => onChange(without({ ...step, event }, "where"))} autoFocus={step.event === ""} />
        {"within" in step ? (
          <>
            <span className="cdp-rb-word">within</span>
            <DurationField label={`${name}: within`} value={step.within} onChange={(within) => onChange({ ...step, within })} />
            <button type="button" className="cdp-rb-icon" aria-label={`${name}: no time of its own`} onClick={() => setGap(false)}><Icon name="close" /></button>
          </>
        ) : at > 0 && <button type="button" className="cdp-rb-link" onClick={() => setGap(true)}>+ within …</button>}
        <span className="cdp-rb-tools">
          <button type="button" className="cdp-rb-icon" aria-label={`${name}: earlier`} disabled={at === 0} onClick={() => onMove(-1)}><Icon name="arrow_upward" /></button>
          <button type="button" className="cdp-rb-icon" aria-label={`${name}: later`} disabled={at === last} onClick={() => onMove(1)}><Icon name="arrow_downward" /></button>
          <button type="button" className="cdp-rb-icon" aria-label={`${name}: remove`} disabled={last < 2} onClick={onRemove}><Icon name="close" /></button>
        </span>
      </div>
      <Where part={step} event={step.event} path={path} onChange={onChange} />
    </li>
  );
}

/** Visits: how many, how long, over how many pages. */
export function SessionEditor({ part, onChange }) {
  const { names, language } = usePage();
  const measures = Object.entries(language.session.measures);
  const inside = (session) => onChange({ ...part, session });
  const type = comparedType(part, names, language);
  const measure = (name) => {
    const next = { ...part, measure: name };
    onChange(withOperator(next, next.op, comparedType(next, names, language), language));
  };
  return (
    <>
      <Select label="What of the sessions" value={part.measure} options={measures.map(([name, terms]) => [name, terms.label])} onChange={measure} />
      <OperatorSelect label="the sessions" part={part} type={type} onChange={onChange} />
      <ValueEditor part={part} type={type} label="Value for the sessions" onChange={(value) => onChange({ ...part, value })} />
      <Window part={part} label="the sessions" isRelative onChange={onChange} />
      <span className="cdp-rb-row">
        <span className="cdp-rb-word">a session ends after nothing for</span>
        <DurationField label="The gap that ends a session" value={part.session.gap} onChange={(gap) => inside({ ...part.session, gap })} />
        <Select label="Which sessions" className="cdp-rb-quiet" value={part.session.ended === undefined ? "" : String(part.session.ended)}
          options={[["", "running ones as well"], ["true", "only those that are over"], ...(part.session.ended === false ? [["false", "running ones as well"]] : [])]}
          onChange={(word) => inside(word === "" ? without(part.session, "ended") : { ...part.session, ended: word === "true" })} />
      </span>
      <span className="cdp-rb-row">
        <span className="cdp-rb-word">made of</span>
        <EventNames value={part.session.events} onChange={(events) => inside(events ? { ...part.session, events } : without(part.session, "events"))} />
      </span>
    </>
  );
}

/** Which events make a session: all of them, or those that are named. */
function EventNames({ value, onChange }) {
  const { names } = usePage();
  const chosen = value || [];
  const options = names.events.filter((name) => !chosen.includes(name)).map((name) => ({ value: name, label: name }));
  return (
    <span className="cdp-rb-many" role="group" aria-label="The events that make a session">
      {chosen.map((name) => (
        <span className="cdp-rb-chip" key={name}>{name}
          <button type="button" aria-label={`Remove ${name}`} onClick={() => onChange(chosen.length > 1 ? chosen.filter((one) => one !== name) : null)}>×</button>
        </span>
      ))}
      <Combobox label="Add an event to what makes a session" value="" groups={[{ options }]} placeholder={chosen.length ? "another event" : "all events"} onChoose={(name) => onChange([...chosen, name])} />
    </span>
  );
}

/** One part, so many times within a stretch. */
export function RepeatedEditor({ part, onChange, path }) {
  return (
    <>
      <NumberField label="How often" value={part.times} onChange={(times) => onChange({ ...part, times })} />
      <span className="cdp-rb-word">times within</span>
      <DurationField label="Repeated within" value={part.within} onChange={(within) => onChange({ ...part, within })} />
      <div className="cdp-rb-inner" role="group" aria-label="What is repeated">
        <PartEditor part={part.repeated} path={`${path}.repeated`} onChange={(repeated) => onChange({ ...part, repeated })} />
      </div>
    </>
  );
}

function swapped(list, from, to) {
  const next = [...list];
  [next[from], next[to]] = [next[to], next[from]];
  return next;
}

function without(object, name) {
  const { [name]: _, ...rest } = object;
  return rest;
}

/** Ids for rows that have none of their own; a removed row takes the last one with it, which costs no more than focus. */
function useIds(count) {
  const ids = useRef([]);
  while (ids.current.length < count) ids.current.push(newId());
  return ids.current.slice(0, count);
}
