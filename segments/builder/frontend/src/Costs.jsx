/** What each part of the rule costs, how often time makes it be looked at again, and what it reads. */
import { thousands } from "./server.js";

const GRADES = { light: ["light", "good"], fair: ["fair", "warning"], heavy: ["heavy", "bad"], unmeasured: ["not measured", "accent"] };

export function Costs({ costs, isRule }) {
  const { answer, error, late } = costs;
  if (error) return <p className="cdp-rb-problem" role="alert">{error.message}</p>;
  if (!answer) return <p className="cdp-rb-hint" role="status">{isRule ? "Measuring …" : "As soon as the rule is complete."}</p>;
  if (!answer.leaves.length) return <p className="cdp-rb-hint">The rule has no parts to measure.</p>;
  const most = Math.max(...answer.leaves.map((leaf) => leaf.milliseconds || 0), 0.001);
  return (
    <div className={late || !isRule ? "is-late" : undefined} aria-busy={late}>
      <p className="cdp-rb-summary" role="status">{answer.summary}</p>
      <table className="cdp-rb-costs">
        <thead>
          <tr><th scope="col">Part</th><th scope="col">Cost for 1,000 people</th><th scope="col">Looked at again</th><th scope="col">Reads</th></tr>
        </thead>
        <tbody>
          {answer.leaves.map((leaf) => (
            <tr key={leaf.path}>
              <th scope="row">{leaf.sentence} <code>{leaf.path}</code></th>
              <td data-label="Cost for 1,000 people"><Cost leaf={leaf} most={most} /></td>
              <td data-label="Looked at again">{leaf.rechecks}</td>
              <td data-label="Reads"><ul>{leaf.reads.map((read) => <li key={read}>{read}</li>)}</ul></td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="cdp-rb-hint">Each part is timed by itself over {thousands(answer.people)} people picked at random; a lane judges all parts in one statement, which costs less than their sum.</p>
    </div>
  );
}

function Cost({ leaf, most }) {
  const [words, chip] = GRADES[leaf.grade];
  return (
    <span className="cdp-rb-cost">
      <span className={`cdp-chip cdp-chip-${chip}`}>{words}</span>
      {leaf.milliseconds !== null && (
        <>
          <span className="cdp-rb-ms">{leaf.milliseconds < 0.1 ? "< 0.1" : leaf.milliseconds.toFixed(1)} ms</span>
          <i className={`cdp-rb-costbar is-${leaf.grade}`} style={{ width: `${Math.max(3, (100 * leaf.milliseconds) / most)}%` }} aria-hidden="true" />
        </>
      )}
    </span>
  );
}
