/** Whom the rule finds, while it is being written. */
import { percent, thousands } from "./server.js";

export function Preview({ reading, preview, isRule, trouble, onExact, children }) {
  const { answer, error, late } = preview;
  const isLate = late || !isRule;
  return (
    <div className="cdp-rb-preview" aria-busy={isLate}>
      <p className="cdp-rb-state" role="status">
        <span className={`cdp-rb-dot${isLate ? " is-late" : ""}`} aria-hidden="true" />
        {stateWords({ trouble, reading, isRule, late, error })}
      </p>
      <Sentence reading={reading} />
      {error && <p className="cdp-rb-problem" role="alert">{error.message}</p>}
      {answer && <div className={isLate ? "is-late" : undefined}><Counts seen={answer} onExact={isLate ? null : onExact} /></div>}
      {children}
      {answer && <div className={isLate ? "is-late" : undefined}><People seen={answer} /></div>}
      {reading.error && <p className="cdp-rb-problem" role="alert">{reading.error.message}</p>}
    </div>
  );
}

function stateWords({ trouble, reading, isRule, late, error }) {
  if (trouble) return "The JSON cannot be read yet";
  if (reading.late) return "Reading the rule …";
  if (!isRule) return "The rule is not complete yet";
  if (error) return "Could not be counted";
  return late ? "Counting …" : "Up to date";
}

function Sentence({ reading }) {
  if (!reading.answer || !reading.answer.sentence) return null;
  return <p className={`cdp-rb-sentence${reading.late ? " is-late" : ""}`}><span className="cdp-rb-hint">Somebody of whom</span> {reading.answer.sentence}.</p>;
}

function Counts({ seen, onExact }) {
  const about = seen.is_exact ? "" : "≈ ";
  const share = seen.people ? seen.size.value / seen.people : 0;
  const delta = seen.size.value - seen.members;
  return (
    <>
      <p className="cdp-rb-count"><strong data-testid="size">{about}{thousands(seen.size.value)}</strong> {seen.size.value === 1 ? "person" : "people"}</p>
      <p className="cdp-rb-share"><span data-testid="share">{percent(share)}</span> of {thousands(seen.people)}{!seen.is_exact && <> · between {thousands(seen.size.low)} and {thousands(seen.size.high)}</>}</p>
      <ShareBar seen={seen} />
      {seen.live_version !== null ? (
        <p className="cdp-rb-delta">
          <span className={`cdp-chip${delta > 0 ? " cdp-chip-good" : delta < 0 ? " cdp-chip-warning" : ""}`} data-testid="delta">{delta > 0 ? "+" : delta < 0 ? "−" : "±"}{thousands(Math.abs(delta))}</span>
          <span>against version {seen.live_version}, which is live: {about}{thousands(seen.entering.value)} would enter, {about}{thousands(seen.leaving.value)} would leave</span>
        </p>
      ) : <p className="cdp-rb-hint">Nothing is live yet: everybody would enter.</p>}
      <p className="cdp-rb-hint">
        {seen.is_exact ? "Counted over everybody" : `Estimated from ${thousands(seen.sampled)} people picked at random`} in {seen.seconds < 0.01 ? "under 0.01" : seen.seconds.toFixed(2)} s.
        {!seen.is_exact && onExact && <> <button type="button" className="cdp-rb-link" onClick={onExact}>Count exactly</button></>}
      </p>
    </>
  );
}

/** Stay, enter, leave as lengths of one bar over everybody. */
function ShareBar({ seen }) {
  const part = (figure) => `${Math.max(figure.value ? 0.6 : 0, (100 * figure.value) / Math.max(1, seen.people))}%`;
  return (
    <div className="cdp-rb-bar" aria-hidden="true">
      <i className="is-staying" style={{ width: part(seen.unchanged) }} />
      <i className="is-entering" style={{ width: part(seen.entering) }} />
      <i className="is-leaving" style={{ width: part(seen.leaving) }} />
    </div>
  );
}

function People({ seen }) {
  if (!seen.sample.length) return null;
  return (
    <section className="cdp-rb-people" aria-label="Five of them">
      <h4>{seen.sample.length === 1 ? "One of them" : `${seen.sample.length} of them`}</h4>
      <ul>
        {seen.sample.map((person) => (
          <li key={person.id}>
            <a href={person.address} target="_blank" rel="noopener">{person.name || <span className="cdp-mono">{person.id}</span>}</a>
            <span className="cdp-rb-hint">{person.seen_at && `seen ${ago(person.seen_at)}`}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

function ago(moment) {
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) || ["second", 1];
  return relative.format(-Math.round(seconds / size), unit);
}
