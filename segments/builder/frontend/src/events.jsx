/** What somebody did: how it is looked at, over which stretch of time, and which of the events count. */
import { Combobox } from "./Combobox.jsx";
import { usePage } from "./contexts.js";
import { Icon } from "./Icon.jsx";
import { isObject } from "./json.js";
import { comparedType, firstValue, fits, propertyType, takesThresholds, viewOf, viewsOf, withView } from "./language.js";
import { OperatorSelect } from "./OperatorSelect.jsx";
import { DurationField, MomentField, RawField, Select, ValueEditor } from "./values.jsx";
import { Where } from "./Where.jsx";

const SUFFIXES = { count: "times", distinct_days: "different days", distinct: "different values" };

export function EventEditor({ part, onChange, path }) {
  const { names, language } = usePage();
  const view = viewOf(part);
  const isTrend = "trend" in part;
  const inner = isTrend ? part.trend : part;
  const put = (next) => onChange(isTrend ? { ...part, trend: next } : next);
  const label = inner.event;
  return (
    <>
      <Select label={`How ${label} is looked at`} value={view} options={viewsOf(language)} onChange={(next) => onChange(withView(part, next, names, language))} />
      {"of" in inner && <PropertySelect label={`Property of ${label}`} part={inner} onChange={put} />}
      {"lifecycle" in part ? <LifecycleFields part={part} onChange={onChange} path={path} /> : <Comparison part={part} inner={inner} label={label} onChange={onChange} />}
      <Window part={inner} label={label} isRequired={isTrend || "lifecycle" in part} isRelative={isTrend} isOffered={hasWindow(part, language)} onChange={put} />
      <Where part={inner} event={inner.event} path={isTrend ? `${path}.trend` : path} onChange={put} />
    </>
  );
}

function hasWindow(part, language) {
  if (!("measure" in part)) return true;
  const terms = language.measures[part.measure];
  return !terms || terms.windowed || ["within", "from", "to"].some((name) => name in part);
}

function Comparison({ part, inner, label, onChange }) {
  const { names, language } = usePage();
  const type = comparedType(part, names, language);
  const isValue = inner.of !== undefined && type !== "whole";
  const subject = isValue && type === "text" ? { event: inner.event, property: inner.of } : null;
  const thresholds = ["number", "whole"].includes(type) && takesThresholds(part, language);
  return (
    <>
      <OperatorSelect label={label} part={part} type={type} onChange={onChange} />
      <ValueEditor part={part} type={type} label={`Value for ${label}`} subject={subject} thresholds={thresholds} suffix={"trend" in part ? "× as much" : SUFFIXES[inner.measure]} onChange={(value) => onChange({ ...part, value })} />
    </>
  );
}

/** The property that a measure is taken of; those of a type it cannot use are left out. */
function PropertySelect({ label, part, onChange }) {
  const { names, language } = usePage();
  const types = language.measures[part.measure] ? language.measures[part.measure].of : [];
  const options = [...(names.properties.get(part.event) || new Map())].filter(([, type]) => !types.length || types.includes(type)).map(([name, type]) => ({ value: name, label: name, hint: type }));
  const choose = (of) => {
    const next = { ...part, of };
    const type = comparedType(next, names, language);
    const isKept = !("value" in part) || propertyType(names, part.event, part.of) === propertyType(names, part.event, of) || fits(part.value, type);
    onChange(isKept ? next : { ...next, value: firstValue(type, "one") });
  };
  return <Combobox label={label} value={String(part.of)} groups={[{ options }]} onChoose={choose} placeholder="a property" className="cdp-rb-property" />;
}

function LifecycleFields({ part, onChange, path }) {
  const { names } = usePage();
  return (
    <>
      {"after" in part && (
        <>
          <span className="cdp-rb-word">after nothing for</span>
          <DurationField label="The pause before it" value={part.after} onChange={(after) => onChange({ ...part, after })} />
        </>
      )}
      {"not_since" in part && (
        <>
          <span className="cdp-rb-word">and since then no</span>
          <EventSelect label="What did not happen since" value={isObject(part.not_since) ? part.not_since.event : part.not_since} names={names}
            onChange={(event) => onChange({ ...part, not_since: isObject(part.not_since) ? { event } : event })} />
          {isObject(part.not_since) && <Where part={part.not_since} event={part.not_since.event} path={`${path}.not_since`} onChange={(not_since) => onChange({ ...part, not_since })} />}
        </>
      )}
    </>
  );
}

export function EventSelect({ label, value, onChange, autoFocus }) {
  const { names } = usePage();
  const options = names.events.map((name) => ({ value: name, label: name }));
  return <Combobox label={label} value={value} groups={[{ options }]} onChoose={onChange} placeholder="Choose an event" autoFocus={autoFocus} className="cdp-rb-subject" invalid={value === ""} />;
}

/** Over which time: all of it, the last stretch up to now, or a period of the calendar. */
export function Window({ part, label, isRequired = false, isRelative = false, isOffered = true, onChange }) {
  if (!isOffered) return null;
  const chosen = "within" in part ? "within" : "from" in part || "to" in part ? "period" : "ever";
  const { within, from, to, ...rest } = part;
  const { where, ...head } = rest;
  const tail = where === undefined ? {} : { where };
  const choose = (kind) => {
    if (kind === "ever") onChange({ ...head, ...tail });
    else if (kind === "within") onChange({ ...head, within: "30d", ...tail });
    else onChange({ ...head, from: firstValue("datetime", "one"), ...tail });
  };
  const options = [...(isRequired ? [] : [["ever", "at any time"]]), ["within", "in the last"], ...(isRelative ? [] : [["period", "in the period"]])];
  return (
    <span className="cdp-rb-window">
      <Select label={`When ${label} counts`} value={chosen} options={options} onChange={choose} className="cdp-rb-quiet" />
      {chosen === "within" && <DurationField label={`Length of the stretch for ${label}`} value={within} onChange={(text) => onChange({ ...part, within: text })} />}
      {chosen === "period" && <Period part={part} label={label} onChange={onChange} />}
    </span>
  );
}

function Period({ part, label, onChange }) {
  const side = (name, words) => {
    if (!(name in part)) return <button type="button" className="cdp-rb-link" onClick={() => onChange({ ...part, [name]: firstValue("datetime", "one") })}>{words}</button>;
    const put = (value) => onChange({ ...part, [name]: value });
    const clear = () => {
      const { [name]: _, ...rest } = part;
      onChange(rest);
    };
    return (
      <>
        <span className="cdp-rb-word">{name === "from" ? "from" : "up to, not including,"}</span>
        {typeof part[name] === "string" ? <MomentField label={`${name === "from" ? "Start" : "End"} of the period for ${label}`} value={part[name]} onChange={put} /> : <RawField label={name} value={part[name]} onChange={put} />}
        {"from" in part && "to" in part && <button type="button" className="cdp-rb-icon" aria-label={`Leave the ${name === "from" ? "start" : "end"} open`} onClick={clear}><Icon name="close" /></button>}
      </>
    );
  };
  return <>{side("from", "set a start")}{side("to", "set an end")}</>;
}
