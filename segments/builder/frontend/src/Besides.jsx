/** What a version says besides its rule: a tag, when it holds, a trial beside what is live, how many approve. */
import { usePage } from "./contexts.js";
import { durationOf } from "./language.js";
import { DurationField, Select } from "./values.jsx";

const MOMENT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(?::00)?(?:Z|\+00:00)$/;
const FIELDS = { tag: Tag, starts_at: Moment, ends_at: Moment, shadow: Trial, approvals: Approvals };
const WORDS = { tag: "Tag on its members", starts_at: "Live from (UTC)", ends_at: "Live until (UTC)", shadow: "Trial beside what is live", approvals: "Who has to approve" };

export function Besides({ content, onChange }) {
  const { fields } = usePage();
  const offered = Object.keys(FIELDS).filter((name) => fields.includes(name));
  if (!offered.length) return null;
  const said = offered.filter((name) => content[name] !== undefined);
  return (
    <details className="cdp-rb-besides" open={said.length > 0 || undefined}>
      <summary>Besides the rule <span className="cdp-rb-hint">{said.length ? said.map((name) => WORDS[name].toLowerCase()).join(", ") : "a tag, a start and an end, a trial"}</span></summary>
      <div className="cdp-rb-besides-fields">
        {offered.map((name) => {
          const Field = FIELDS[name];
          return (
            <div key={name}>
              <span className="cdp-rb-hint" aria-hidden="true">{WORDS[name]}</span>
              <Field label={WORDS[name]} value={content[name]} onChange={(value) => onChange(name, value)} />
            </div>
          );
        })}
      </div>
    </details>
  );
}

function Tag({ label, value, onChange }) {
  if (value !== undefined && typeof value !== "string") return <AsWritten />;
  return <input type="text" className="cdp-rb-input" aria-label={label} placeholder="Loyal Customer" value={value || ""} onChange={(event) => onChange(event.target.value || undefined)} />;
}

function Moment({ label, value, onChange }) {
  const known = typeof value === "string" && MOMENT.exec(value);
  if (value !== undefined && !known) return <AsWritten />;
  return <input type="datetime-local" className="cdp-rb-input" aria-label={label} value={known ? known[1] : ""} onChange={(event) => onChange(event.target.value ? `${event.target.value.slice(0, 16)}:00Z` : undefined)} />;
}

function Trial({ label, value, onChange }) {
  if (value !== undefined && !durationOf(value)) return <AsWritten />;
  return (
    <span className="cdp-rb-row">
      <Select label={label} value={value === undefined ? "no" : "yes"} options={[["no", "none"], ["yes", "for"]]} onChange={(word) => onChange(word === "no" ? undefined : "7d")} />
      {value !== undefined && <DurationField label={`${label}: length`} value={value} onChange={onChange} />}
    </span>
  );
}

function Approvals({ label, value, onChange }) {
  if (value !== undefined && ![1, 2].includes(value)) return <AsWritten />;
  return <Select label={label} value={String(value || 1)} options={[["1", "one other person"], ["2", "two other people"]]} onChange={(word) => onChange(word === "1" ? undefined : 2)} />;
}

function AsWritten() {
  return <span className="cdp-rb-hint">as the JSON says</span>;
}
