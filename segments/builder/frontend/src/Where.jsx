import { useState } from "react";
import { Tree } from "./Tree.jsx";

/** Which of the events count: a tree of its own, about one event's properties. */
export function Where({ part, event, path, onChange }) {
  const [isNew, setNew] = useState(false);
  if (!("where" in part)) {
    const add = () => {
      setNew(true);
      onChange({ ...part, where: { all: [{}] } });
    };
    return <button type="button" className="cdp-rb-link" onClick={add}>+ only where …</button>;
  }
  const { where, ...rest } = part;
  return (
    <div className="cdp-rb-where" role="group" aria-label={`Which ${event} count`}>
      <div className="cdp-rb-where-head">
        <span className="cdp-rb-word">only where</span>
        <button type="button" className="cdp-rb-link" onClick={() => onChange(rest)}>count all of them</button>
      </div>
      <Tree document={where} place="condition" event={event} path={`${path}.where`} focusFirst={isNew} onChange={(next) => onChange({ ...part, where: next })} />
    </div>
  );
}
