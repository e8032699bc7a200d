import { useEffect, useState } from "react";
import { parse, print } from "./json.js";

/** A part that no editor draws, as the JSON that it is: to be read, changed and kept. */
export function JsonBlock({ value, onChange }) {
  const told = print(value);
  const [text, setText] = useState(told);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    setText(told);
    setProblem(null);
  }, [told]);
  const type = (given) => {
    setText(given);
    try {
      const read = parse(given).value;
      setProblem(null);
      if (print(read) !== told) onChange(read);
    } catch (error) {
      if (error.line === undefined) throw error;
      setProblem(`${error.message} (line ${error.line}, column ${error.column})`);
    }
  };
  return (
    <div className="cdp-rb-block">
      <p className="cdp-rb-hint">This part has no form. It stays as it is written here.</p>
      <textarea
        className="cdp-rb-input cdp-rb-code" aria-label="This part as JSON" spellCheck="false" rows={Math.min(12, text.split("\n").length + 1)}
        value={text} onChange={(event) => type(event.target.value)} onBlur={() => problem && (setText(told), setProblem(null))}
      />
      {problem && <p className="cdp-rb-problem" role="alert">{problem}</p>}
    </div>
  );
}
