import { usePage } from "./contexts.js";
import { operatorsFor, withOperator } from "./language.js";
import { Select } from "./values.jsx";

/** Which comparison; choosing another keeps the value where it still fits. */
export function OperatorSelect({ label, part, type, onChange }) {
  const { language } = usePage();
  const options = operatorsFor(part, type, language).map((op) => [op, language.operators[op].label]);
  return <Select label={`How ${label} is compared`} value={part.op === undefined ? "" : part.op} options={options} onChange={(op) => onChange(withOperator(part, op, type, language))} />;
}
