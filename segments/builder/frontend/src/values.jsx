/** The fields for values: one per type, each holding nothing that it cannot show. */
import { useEffect, useState } from "react";
import { Combobox } from "./Combobox.jsx";
import { usePage } from "./contexts.js";
import { digits, isNumber, parse, print, typedNumber } from "./json.js";
import { UNITS, durationOf, firstValue, fits, isThreshold, takesOf } from "./language.js";
import { useSuggestions } from "./server.js";

const NONE = [];

/** The value of a comparison, whatever its operator takes. `subject` is what suggestions are asked for. */
export function ValueEditor({ part, type, label, subject, choices = NONE, onChange, thresholds = false, suffix }) {
  const { language } = usePage();
  const takes = takesOf(part.op, language);
  const value = part.value;
  const one = { type, label, subject, choices };
  if (takes === "nothing") return null;
  if (takes === "duration") return <DurationField label={label} value={value} onChange={onChange} />;
  if (takes === "several") {
    const isList = Array.isArray(value) && value.every((item) => fits(item, type) && !isThreshold(item));
    return isList ? <ManyField {...one} value={value} onChange={onChange} /> : <RawField label={label} value={value} onChange={onChange} />;
  }
  if (takes === "two") {
    const isPair = Array.isArray(value) && value.length === 2 && value.every((item) => fits(item, type));
    if (!isPair) return <RawField label={label} value={value} onChange={onChange} />;
    return (
      <>
        <OneField {...one} label={`${label}, lower`} value={value[0]} onChange={(low) => onChange([low, value[1]])} />
        <span className="cdp-rb-word">and</span>
        <OneField {...one} label={`${label}, upper`} value={value[1]} onChange={(high) => onChange([value[0], high])} />
        {suffix && <span className="cdp-rb-word">{suffix}</span>}
      </>
    );
  }
  return (
    <>
      {thresholds && <ThresholdChoice label={label} value={value} onChange={onChange} />}
      {isThreshold(value) ? <ThresholdField label={label} value={value} onChange={onChange} /> : <OneField {...one} value={value} onChange={onChange} />}
      {suffix && !isThreshold(value) && <span className="cdp-rb-word">{suffix}</span>}
    </>
  );
}

/** One value of a type; what does not fit the type is shown as the JSON that it is. */
export function OneField({ type, label, subject, choices = NONE, value, onChange }) {
  if (!fits(value, type)) return <RawField label={label} value={value} onChange={onChange} />;
  if (choices.length) return <Select label={label} value={String(value)} options={choices.map((choice) => [choice, choice])} onChange={onChange} />;
  if (type === "boolean") {
    return (
      <Select label={label} value={String(value)} options={[["true", "true"], ["false", "false"]]} onChange={(text) => onChange(text === "true")} />
    );
  }
  if (type === "number" || type === "whole") return <NumberField label={label} value={value} onChange={onChange} />;
  if (type === "duration") return <DurationField label={label} value={value} onChange={onChange} />;
  if (type === "datetime") return <MomentField label={label} value={value} onChange={onChange} />;
  if (isNumber(value)) return <NumberField label={label} value={value} onChange={onChange} />;
  if (typeof value === "boolean") return <RawField label={label} value={value} onChange={onChange} />;
  return <TextField label={label} subject={subject} value={value} onChange={onChange} />;
}

export function Select({ label, value, options, onChange, className = "" }) {
  const known = options.some(([name]) => name === value);
  return (
    <select className={`cdp-rb-input cdp-rb-select ${className}`} aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {!known && <option value={value}>{value}</option>}
      {options.map(([name, words]) => <option key={name} value={name}>{words}</option>)}
    </select>
  );
}

function TextField({ label, subject, value, onChange }) {
  const [asked, setAsked] = useState(null);
  const { groups, note } = useSuggestions(subject, asked);
  return (
    <span onFocus={() => asked === null && setAsked("")}>
      <Combobox
        free label={label} value={value} groups={groups} note={note} placeholder="a value"
        onText={(text) => { setAsked(text); onChange(text); }} onChoose={onChange}
      />
    </span>
  );
}

function ManyField({ type, label, subject, choices = NONE, value, onChange }) {
  const [text, setText] = useState("");
  const [asked, setAsked] = useState(null);
  const suggested = useSuggestions(type === "text" && !choices.length ? subject : null, asked);
  const groups = choices.length ? [{ options: choices.filter((one) => !value.includes(one)).map((one) => ({ value: one, label: one })) }] : suggested.groups;
  const { note } = suggested;
  const isText = type !== "number" && type !== "whole";
  const add = (given) => {
    const made = isText ? given : typedNumber(given);
    if (made === null || made === "" || value.some((item) => item === made)) return;
    onChange([...value, made]);
    setText("");
  };
  const press = (event) => {
    const isPicking = event.target.getAttribute("aria-activedescendant");
    if ((event.key === "Enter" || event.key === ",") && text.trim() && !isPicking) {
      event.preventDefault();
      add(text.trim());
    } else if (event.key === "Backspace" && !text && value.length) onChange(value.slice(0, -1));
  };
  return (
    <span className="cdp-rb-many" role="group" aria-label={label} onKeyDownCapture={press} onFocus={() => asked === null && setAsked("")} onBlur={() => text.trim() && add(text.trim())}>
      {value.map((item, place) => (
        <span className="cdp-rb-chip" key={`${place}-${print(item)}`}>
          {isNumber(item) ? digits(item) : String(item)}
          <button type="button" aria-label={`Remove ${isNumber(item) ? digits(item) : item}`} onClick={() => onChange(value.filter((_, at) => at !== place))}>×</button>
        </span>
      ))}
      {type === "datetime" ? (
        <input type="date" className="cdp-rb-input" aria-label={`${label}: add a date`} value="" onChange={(event) => event.target.value && add(event.target.value)} />
      ) : (
        <Combobox
          free label={`${label}: add a value`} value={text} groups={groups} note={note} placeholder={value.length ? "another" : "a value"}
          onText={(given) => { setText(given); setAsked(given); }} onChoose={add}
        />
      )}
    </span>
  );
}

/** A number as digits; a text that is none stays in the field, marked, and out of the rule. */
export function NumberField({ label, value, onChange, className = "" }) {
  const [text, setText] = useState(digits(value));
  const read = typedNumber(text);
  useEffect(() => {
    const now = typedNumber(text);
    if (now === null || digits(now) !== digits(value)) setText(digits(value));
    // Only when the value changes from outside: what is being typed stays as it is typed.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [digits(value)]);
  const type = (given) => {
    setText(given);
    const made = typedNumber(given);
    if (made !== null) onChange(made);
  };
  return (
    <input
      type="text" inputMode="decimal" className={`cdp-rb-input cdp-rb-number ${className}`} aria-label={label} aria-invalid={read === null || undefined}
      value={text} onChange={(event) => type(event.target.value)} onBlur={() => read === null && setText(digits(value))}
    />
  );
}

export function DurationField({ label, value, onChange }) {
  const known = durationOf(value);
  const [amount, setAmount] = useState(known ? known.amount : "");
  useEffect(() => { if (known) setAmount(known.amount); }, [value]); // eslint-disable-line react-hooks/exhaustive-deps
  if (!known) return <RawField label={label} value={value} onChange={onChange} />;
  const isWhole = /^[1-9][0-9]{0,8}$/.test(amount);
  const type = (text) => {
    setAmount(text);
    if (/^[1-9][0-9]{0,8}$/.test(text)) onChange(text + known.unit);
  };
  return (
    <span className="cdp-rb-pair" role="group" aria-label={label}>
      <input
        type="text" inputMode="numeric" className="cdp-rb-input cdp-rb-number" aria-label={`${label}: amount`} aria-invalid={!isWhole || undefined}
        value={amount} onChange={(event) => type(event.target.value)} onBlur={() => isWhole || setAmount(known.amount)}
      />
      <Select label={`${label}: unit`} value={known.unit} options={UNITS} onChange={(unit) => onChange(known.amount + unit)} />
    </span>
  );
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const LOCAL = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::00)?$/;

/** A day, or a day and a time in the workspace's zone; with an offset of its own it is shown as it is written. */
export function MomentField({ label, value, onChange }) {
  const { zone } = usePage();
  const local = LOCAL.exec(value);
  if (value !== "" && !DATE.test(value) && !local) {
    return <input type="text" className="cdp-rb-input cdp-rb-code" aria-label={label} value={value} onChange={(event) => onChange(event.target.value)} />;
  }
  const [day, time] = local ? [local[1], local[2]] : [value, ""];
  const put = (nextDay, nextTime) => onChange(nextTime ? `${nextDay}T${nextTime}` : nextDay);
  return (
    <span className="cdp-rb-pair" role="group" aria-label={label}>
      <input type="date" className="cdp-rb-input" aria-label={`${label}: day`} value={day} onChange={(event) => event.target.value && put(event.target.value, time)} />
      <input type="time" className="cdp-rb-input" aria-label={`${label}: time (${zone})`} title={`Time in ${zone}; empty is midnight`} value={time} onChange={(event) => put(day, event.target.value)} />
    </span>
  );
}

/** Any value as JSON: for what has no field of its own, so that it is never lost. */
export function RawField({ label, value, onChange }) {
  const told = value === undefined ? "" : print(value).replace(/\s*\n\s*/g, " ");
  const [text, setText] = useState(told);
  useEffect(() => setText(told), [told]);
  const read = tried(text);
  const type = (given) => {
    setText(given);
    const made = tried(given);
    if (made) onChange(made.value);
  };
  return <input type="text" className="cdp-rb-input cdp-rb-code" aria-label={`${label}, as JSON`} aria-invalid={!read || undefined} spellCheck="false" value={text} onChange={(event) => type(event.target.value)} onBlur={() => read || setText(told)} />;
}

function tried(text) {
  try {
    return parse(text);
  } catch (error) {
    if (error.line === undefined) throw error;
    return null;
  }
}

function ThresholdChoice({ label, value, onChange }) {
  const chosen = !isThreshold(value) ? "number" : "percentile" in value ? "percentile" : "mean_plus_sd";
  const over = isThreshold(value) && value.over !== undefined ? { over: value.over } : {};
  const choose = (kind) => onChange(kind === "number" ? firstValue("number", "one") : kind === "percentile" ? { percentile: 80, ...over } : { mean_plus_sd: 2, ...over });
  return (
    <Select label={`${label}: a number or a threshold`} value={chosen} onChange={choose} className="cdp-rb-quiet"
      options={[["number", "number"], ["percentile", "percentile"], ["mean_plus_sd", "mean + SD ×"]]} />
  );
}

function ThresholdField({ label, value, onChange }) {
  const { names } = usePage();
  const kind = "percentile" in value ? "percentile" : "mean_plus_sd";
  const over = (key) => {
    const { over: _, ...rest } = value;
    onChange(key === "" ? rest : { ...rest, over: key });
  };
  return (
    <>
      <NumberField label={`${label}: ${kind === "percentile" ? "percentile" : "standard deviations"}`} value={value[kind]} onChange={(number) => onChange({ ...value, [kind]: number })} />
      <span className="cdp-rb-word">of</span>
      <Select label={`${label}: of whom`} value={value.over === undefined ? "" : value.over} onChange={over}
        options={[["", "everybody of whom it is known"], ...names.segments.map(({ key, name }) => [key, name])]} />
    </>
  );
}
