/** What the rule's author has to say yes to before it can be submitted. */
export function Acknowledgements({ warnings, content, onChange }) {
  if (!warnings.length) return null;
  const said = Array.isArray(content.acknowledged) ? content.acknowledged : [];
  const toggle = (code) => onChange(said.includes(code) ? said.filter((one) => one !== code) : [...said, code]);
  return (
    <fieldset className="cdp-rb-warnings">
      <legend>To be acknowledged</legend>
      {[...new Map(warnings.map((warning) => [warning.code, warning])).values()].map((warning) => (
        <label key={warning.code}>
          <input type="checkbox" checked={said.includes(warning.code)} onChange={() => toggle(warning.code)} />
          <span>{warning.message}</span>
        </label>
      ))}
    </fieldset>
  );
}
