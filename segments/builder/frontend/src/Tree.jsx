/** A tree of parts, drawn by react-querybuilder: the rule itself, or the where of one of its events. */
import { memo, useMemo, useRef, useState } from "react";
import { QueryBuilder, RuleGroupBodyComponents, useRule, useRuleGroup } from "react-querybuilder";
import { TreeContext, usePage, useTree } from "./contexts.js";
import { useDrag } from "./drag.js";
import { Icon } from "./Icon.jsx";
import { same } from "./json.js";
import { kindOf } from "./language.js";
import { PartEditor } from "./parts.jsx";
import { depthOf, isGroup, newId, nodesOf, partOf, placesOf, problemsByNode, shifted, toDocument, toTree } from "./tree.js";

const FIELDS = [{ name: "part", label: "Condition" }];
const OPERATORS = [{ name: "is", label: "is" }];
const COMBINATORS = [{ name: "all", label: "all" }, { name: "any", label: "any" }];
const MODES = [["all", "All of these"], ["any", "Any of these"], ["none", "None of these"], ["notall", "Not all of these"]];
const CONTROLS = { ruleGroup: memo(GroupBox), rule: memo(PartBox) };

/** A tree for a document that is kept elsewhere: the root rule's tree is kept by the page, a where's is made here. */
export function Tree({ document, place, event, path, focusFirst, onChange }) {
  const kept = useRef(null);
  if (kept.current === null || !same(kept.current.document, document)) {
    kept.current = { document, tree: toTree(document, kept.current && kept.current.tree) };
  }
  const put = (tree) => {
    const next = toDocument(tree);
    kept.current = { document: next, tree };
    onChange(next);
  };
  return <DrawnTree tree={kept.current.tree} place={place} event={event} path={path} focusFirst={focusFirst} onChange={put} />;
}

export function DrawnTree({ tree, place, event = null, path, focusFirst = false, onChange }) {
  const { problems, limits } = usePage();
  const [fresh, setFresh] = useState(() => (focusFirst && tree.rules.length ? tree.rules[0].id : null));
  const now = useRef(null);
  now.current = { tree, onChange };
  const places = useMemo(() => placesOf(tree, path), [tree, path]);
  const found = useMemo(() => problemsByNode(places, problems), [places, problems]);
  const actions = useMemo(() => actionsOn(now, setFresh), []);
  const drag = useDrag(now);
  const context = useMemo(
    () => ({ place, event, places, problems: found, fresh, tree, mayNest: depthOf(tree) < limits.depth, ...actions, drag }),
    [place, event, places, found, fresh, tree, limits, actions, drag],
  );
  return (
    <TreeContext.Provider value={context}>
      <QueryBuilder
        query={tree} onQueryChange={actions.replace} fields={FIELDS} operators={OPERATORS} combinators={COMBINATORS}
        controlElements={CONTROLS} enableMountQueryChange={false} idGenerator={newId} suppressStandardClassnames
        resetOnFieldChange={false} accessibleDescriptionGenerator={() => (place === "rule" ? "The rule" : `Which ${event} count`)}
      />
    </TreeContext.Provider>
  );
}

/** How a tree is changed: by the ids of its nodes, so that no change depends on what was drawn before another one. */
function actionsOn(now, setFresh) {
  const edit = (change) => {
    const next = change(now.current.tree);
    if (next) now.current.onChange(next);
  };
  return {
    replace: (next) => next !== now.current.tree && now.current.onChange(next),
    shift: (id, step) => edit((tree) => shifted(tree, id, step)),
    remove: (id) => edit((tree) => replaced(tree, id, () => [])),
    put: (id, node) => edit((tree) => (tree.id === id ? node : replaced(tree, id, () => [node]))),
    copy: (id) => edit((tree) => replaced(tree, id, (node) => [node, copied(node)])),
    addPart: (id) => {
      const part = partOf({});
      setFresh(part.id);
      edit((tree) => added(tree, id, part));
    },
    addGroup: (id, combinator) => {
      const part = partOf({});
      setFresh(part.id);
      edit((tree) => added(tree, id, { id: newId(), combinator, not: false, bare: false, rules: [part] }));
    },
  };
}

function replaced(tree, id, change) {
  if (!isGroup(tree)) return tree;
  return { ...tree, rules: tree.rules.flatMap((rule) => (rule.id === id ? change(rule) : [replaced(rule, id, change)])) };
}

function added(tree, id, node) {
  const target = [...nodesOf(tree)].find((one) => one.node.id === id).node;
  const grown = { ...target, rules: [...target.rules, node] };
  return tree.id === id ? grown : replaced(tree, id, () => [grown]);
}

function copied(node) {
  return isGroup(node) ? { ...node, id: newId(), rules: node.rules.map(copied) } : { ...node, id: newId() };
}

function GroupBox(props) {
  const group = useRuleGroup(props);
  const { place, mayNest, problems, addPart, addGroup, drag } = useTree();
  const node = props.ruleGroup;
  const isRoot = props.path.length === 0;
  return (
    <div className={`cdp-rb-group is-level-${Math.min(props.path.length, 4)}`} role="group" aria-label={isRoot ? (place === "rule" ? "The rule" : "The events that count") : `Group ${placeWords(props.path)}`} data-node={node.id} {...drag.target(node.id)}>
      <div className="cdp-rb-group-head">
        {!isRoot && <Handle id={node.id} what="group" />}
        <Mode node={node} />
        {!isRoot && <Tools id={node.id} what={`group ${placeWords(props.path)}`} lastInGroup={props.lastInGroup} />}
      </div>
      <Problems found={problems.get(node.id)} />
      <div className="cdp-rb-group-body">
        <RuleGroupBodyComponents {...props} {...group} />
        {!node.rules.length && <p className="cdp-rb-hint">An empty group: add a condition, or remove it.</p>}
      </div>
      <div className="cdp-rb-group-foot">
        <button type="button" className="cdp-rb-add" onClick={() => addPart(node.id)}>+ Condition</button>
        {mayNest && <button type="button" className="cdp-rb-add is-quiet" onClick={() => addGroup(node.id, node.combinator === "all" ? "any" : "all")}>+ Group</button>}
      </div>
    </div>
  );
}

function PartBox(props) {
  const part = useRule(props);
  const { problems, places, fresh, drag } = useTree();
  const { language } = usePage();
  const node = props.rule;
  const path = places.get(node.id) || "$";
  // What is wrong inside a where is said by the tree inside.
  const isNew = kindOf(node.value, language) === "new";
  const found = isNew ? [] : (problems.get(node.id) || []).filter((problem) => !problem.path.slice(path.length).includes(".where"));
  return (
    <div className={`cdp-rb-rule${found.length ? " has-problem" : ""}`} role="group" aria-label={`Condition ${placeWords(props.path)}`} data-node={node.id} {...drag.target(node.id)}>
      <div className="cdp-rb-rule-line">
        <Handle id={node.id} what="condition" />
        <PartEditor part={node.value} path={path} autoFocus={fresh === node.id} onChange={part.generateOnChangeHandler("value")} />
        <Tools id={node.id} what={`condition ${placeWords(props.path)}`} />
      </div>
      <Problems found={found} />
    </div>
  );
}

/** How the parts of a group combine, with "not" as a word among the others. */
function Mode({ node }) {
  const { put } = useTree();
  const value = node.not ? (node.combinator === "any" ? "none" : "notall") : node.combinator;
  const choose = (mode) => put(node.id, { ...node, bare: false, combinator: mode === "all" || mode === "notall" ? "all" : "any", not: mode === "none" || mode === "notall" });
  return (
    <select className={`cdp-rb-input cdp-rb-mode is-${value}`} aria-label="How these combine" value={value} onChange={(event) => choose(event.target.value)}>
      {MODES.map(([name, words]) => <option key={name} value={name}>{words}</option>)}
    </select>
  );
}

function Handle({ id, what }) {
  const { drag } = useTree();
  // Moved by the pointer; the arrows beside it do the same for the keyboard.
  return <span className="cdp-rb-handle" title={`Drag this ${what}`} aria-hidden="true" {...drag.handle(id)}><Icon name="drag_indicator" /></span>;
}

function Tools({ id, what }) {
  const { shift, remove, copy, tree } = useTree();
  const again = (step) => {
    shift(id, step);
    // The row is drawn in another place: the focus goes with it.
    requestAnimationFrame(() => focusTool(id, step > 0 ? "later" : "earlier"));
  };
  const leave = () => {
    const beside = neighbour(tree, id);
    remove(id);
    requestAnimationFrame(() => beside && focusTool(beside, "remove"));
  };
  return (
    <span className="cdp-rb-tools">
      <button type="button" className="cdp-rb-icon" data-tool="earlier" aria-label={`Move ${what} up`} disabled={!shifted(tree, id, -1)} onClick={() => again(-1)}><Icon name="arrow_upward" /></button>
      <button type="button" className="cdp-rb-icon" data-tool="later" aria-label={`Move ${what} down`} disabled={!shifted(tree, id, 1)} onClick={() => again(1)}><Icon name="arrow_downward" /></button>
      <button type="button" className="cdp-rb-icon" data-tool="copy" aria-label={`Copy ${what}`} onClick={() => copy(id)}><Icon name="content_copy" /></button>
      <button type="button" className="cdp-rb-icon" data-tool="remove" aria-label={`Remove ${what}`} onClick={leave}><Icon name="close" /></button>
    </span>
  );
}

function focusTool(id, tool) {
  const row = document.querySelector(`[data-node="${id}"]`);
  const wanted = row && (row.querySelector(`:scope > * > .cdp-rb-tools > [data-tool="${tool}"]:not(:disabled)`) || row.querySelector(":scope > * > .cdp-rb-tools > button:not(:disabled)"));
  if (wanted) wanted.focus();
}

function neighbour(tree, id) {
  const { parent, index } = [...nodesOf(tree)].find((one) => one.node.id === id);
  const beside = parent.rules[index + 1] || parent.rules[index - 1];
  return beside ? beside.id : parent.id;
}

function Problems({ found }) {
  if (!found || !found.length) return null;
  return (
    <div role="alert">
      <ul className="cdp-rb-problems">
        {found.map((problem) => <li key={problem.path + problem.message}><span>{problem.message}</span> <code>{problem.path}</code></li>)}
      </ul>
    </div>
  );
}

const placeWords = (path) => path.map((index) => index + 1).join(".");
