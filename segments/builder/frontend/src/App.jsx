import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { Acknowledgements } from "./Acknowledgements.jsx";
import { Besides } from "./Besides.jsx";
import { Costs } from "./Costs.jsx";
import { PageContext } from "./contexts.js";
import { fromText, fromTree, tidied, withField } from "./content.js";
import { Icon } from "./Icon.jsx";
import { useHistory } from "./history.js";
import { print } from "./json.js";
import { namesOf } from "./language.js";
import { ruleGroups } from "./parts.jsx";
import { Preview } from "./Preview.jsx";
import { useAnswer } from "./server.js";
import { DrawnTree } from "./Tree.jsx";

const [SOON, LATER, LAST] = [200, 450, 900]; // milliseconds after the last change

/**
 * The page: the tree and the text are two views of one state. `places` are the elements of the page that are drawn
 * into; `area` is the form's own text field, which works without any of this.
 */
export function App({ area, places, told, addresses }) {
  const [state, setState] = useState(() => fromText(area.value));
  const history = useHistory(state, setState);
  const page = usePageFacts(told, addresses);
  const rule = state.trouble ? undefined : state.content.rule === undefined ? {} : state.content.rule;

  const reading = useAnswer(addresses.reading, state.trouble ? undefined : { content: state.content }, SOON);
  const isRead = !reading.late && reading.answer !== null && !state.trouble;
  const isRule = isRead && !reading.answer.problems.some((problem) => problem.path.startsWith("$"));
  const [exactly, setExactly] = useState(null);
  const question = isRule ? { rule } : undefined;
  const asked = question && (exactly !== null && print(question) === exactly ? { ...question, exact: true } : question);
  const preview = useAnswer(addresses.preview, asked, LATER);
  const costs = useAnswer(addresses.costs, question, LAST);

  useTextOf(area, state, history);
  const problems = useMemo(() => (isRead ? reading.answer.problems : []), [isRead, reading.answer]);
  const context = useMemo(() => ({ ...page, problems }), [page, problems]);
  const draw = useCallback((tree) => history.put((before) => fromTree(tree, before)), [history]);
  const acknowledge = (codes) => history.put((before) => withField(before, "acknowledged", codes.length ? codes : undefined));

  return (
    <PageContext.Provider value={context}>
      <Toolbar history={history} place={places.tools} />
      <div className={state.trouble ? "cdp-rb-waiting" : undefined} inert={state.trouble ? true : undefined}>
        <DrawnTree tree={state.tree} place="rule" path="$" onChange={draw} />
        <Besides content={state.content} onChange={(name, value) => history.put((before) => withField(before, name, value))} />
      </div>
      {createPortal(<TextState state={state} reading={reading} problems={problems} onTidy={() => history.put((before) => tidied(before))} />, places.text)}
      {createPortal(
        <Preview reading={reading} preview={preview} isRule={isRule} trouble={state.trouble} onExact={() => setExactly(print(question))}>
          <Acknowledgements warnings={isRead ? reading.answer.warnings : []} content={state.content} onChange={acknowledge} />
        </Preview>,
        places.preview,
      )}
      {createPortal(<Costs costs={costs} isRule={isRule} />, places.costs)}
    </PageContext.Provider>
  );
}

function usePageFacts(told, addresses) {
  return useMemo(() => {
    const names = namesOf(told.names);
    return { language: told.language, limits: told.limits, zone: told.zone, fields: told.fields, names, addresses, groups: ruleGroups(names, told.language) };
  }, [told, addresses]);
}

/** Keep the form's text field and the state of one mind, whichever of them is being edited. */
function useTextOf(area, state, history) {
  const put = useRef(history.put);
  put.current = history.put;
  useEffect(() => {
    const type = () => put.current((before) => fromText(area.value, before));
    area.addEventListener("input", type);
    return () => area.removeEventListener("input", type);
  }, [area]);
  useEffect(() => {
    if (area.value === state.text) return;
    area.value = state.text;
    area.scrollTo(0, 0);
  }, [area, state.text]);
}

function Toolbar({ history, place }) {
  return createPortal(
    <span className="cdp-rb-tools">
      <button type="button" className="cdp-rb-icon" aria-label="Undo" disabled={!history.canUndo} onClick={history.undo}><Icon name="undo" /></button>
      <button type="button" className="cdp-rb-icon" aria-label="Redo" disabled={!history.canRedo} onClick={history.redo}><Icon name="redo" /></button>
    </span>,
    place,
  );
}

/** Under the text: whether it can be read, and what is wrong beside the rule's own parts. */
function TextState({ state, reading, problems, onTidy }) {
  if (state.trouble) {
    const { message, line, column } = state.trouble;
    const where = line === undefined ? "." : ` (line ${line}, column ${column}).`;
    return <p className="cdp-rb-problem" role="alert">{message}{where} The builder shows the last rule that could be read.</p>;
  }
  const told = problems.filter((problem) => !problem.path.startsWith("$"));
  if (told.length) return <div role="alert"><ul className="cdp-rb-problems">{told.map((problem) => <li key={problem.path + problem.message}>{problem.message} <code>{problem.path}</code></li>)}</ul></div>;
  const count = problems.length;
  const isTidy = print(state.content) === state.text;
  return <p className="cdp-rb-hint" role="status">{count ? `${count} ${count === 1 ? "problem" : "problems"}, shown where ${count === 1 ? "it is" : "they are"}.` : reading.late ? "Reading …" : "In step with the builder."}{!isTidy && <> <button type="button" className="cdp-rb-link" onClick={onTidy}>Tidy up</button></>}</p>;
}
