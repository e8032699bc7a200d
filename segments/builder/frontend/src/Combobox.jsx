import { useEffect, useId, useMemo, useRef, useState } from "react";

const SHOWN = 60;

/**
 * A text field with a list of choices under it, by pointer, keyboard and screen reader alike.
 *
 * `groups` are [{label, options: [{value, label, hint}]}]. With `free` any text may stand; without it the text only
 * looks for a choice, and what was chosen comes back when the field is left.
 */
export function Combobox({ label, value, shown, groups, onChoose, onText, free = false, placeholder, autoFocus, note, invalid, className = "" }) {
  const id = useId();
  const input = useRef(null);
  const list = useRef(null);
  const [isOpen, setOpen] = useState(false);
  const [typed, setTyped] = useState(null);
  const [active, setActive] = useState(-1);
  const told = shown === undefined ? value : shown;
  const text = typed === null ? told : typed;

  const visible = useMemo(() => matching(groups, typed), [groups, typed]);
  const options = useMemo(() => visible.flatMap((group) => group.options), [visible]);

  useEffect(() => {
    if (autoFocus && input.current) input.current.focus();
  }, [autoFocus]);
  useEffect(() => {
    const element = list.current && list.current.querySelector('[data-active="true"]');
    if (element) element.scrollIntoView({ block: "nearest" });
  }, [active, isOpen]);

  const open = () => {
    setOpen(true);
    setActive(options.findIndex((option) => option.value === value));
  };
  const close = () => {
    setOpen(false);
    setTyped(null);
    setActive(-1);
  };
  const choose = (option) => {
    close();
    onChoose(option.value);
  };
  const type = (text) => {
    setTyped(text);
    setOpen(true);
    setActive(free ? -1 : 0);
    if (free) onText(text);
    else if (onText) onText(text);
  };
  const keys = {
    ArrowDown: () => (isOpen ? setActive((at) => Math.min(options.length - 1, at + 1)) : open()),
    ArrowUp: () => (isOpen ? setActive((at) => Math.max(0, at - 1)) : open()),
    Enter: () => isOpen && options[active] && choose(options[active]),
    Escape: () => isOpen && close(),
    Home: () => isOpen && typed === null && setActive(0),
    End: () => isOpen && typed === null && setActive(options.length - 1),
  };
  const press = (event) => {
    if (event.key === "Enter") event.preventDefault(); // a form would be sent
    const acts = keys[event.key];
    if (!acts || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key.startsWith("Arrow") || (isOpen && event.key === "Escape")) event.preventDefault();
    acts();
  };

  return (
    <span className={`cdp-rb-combo ${className}`}>
      <input
        ref={input} type="text" role="combobox" className="cdp-rb-input" autoComplete="off" spellCheck="false"
        aria-label={label} aria-expanded={isOpen} aria-controls={`${id}-list`} aria-autocomplete="list" aria-invalid={invalid || undefined}
        aria-activedescendant={isOpen && options[active] ? `${id}-${active}` : undefined}
        value={text} placeholder={placeholder}
        onChange={(event) => type(event.target.value)} onKeyDown={press} onClick={() => isOpen || open()}
        onFocus={(event) => { event.target.select(); open(); }} onBlur={close}
      />
      <ul ref={list} id={`${id}-list`} role="listbox" aria-label="Choices" className="cdp-rb-options" hidden={!isOpen || (!options.length && !note)}>
        {visible.map((group) => (
          <Group key={group.label || "all"} group={group} id={id} first={options.indexOf(group.options[0])} active={active} value={value} choose={choose} />
        ))}
        {note && <li role="option" aria-disabled="true" aria-selected="false" className="cdp-rb-note">{note}</li>}
        {!options.length && !note && <li role="option" aria-disabled="true" aria-selected="false" className="cdp-rb-note">Nothing is called that.</li>}
      </ul>
    </span>
  );
}

function Group({ group, id, first, active, value, choose }) {
  const rows = group.options.map((option, place) => (
    <li
      key={option.value} id={`${id}-${first + place}`} role="option" className="cdp-rb-option"
      aria-selected={option.value === value} data-active={first + place === active}
      onPointerDown={(event) => event.preventDefault()} onClick={() => choose(option)}
    >
      <span className="cdp-rb-option-label">{option.label}</span>
      {option.hint && <span className="cdp-rb-option-hint">{option.hint}</span>}
    </li>
  ));
  if (!group.label) return rows;
  return (
    <li role="group" aria-label={group.label} className="cdp-rb-option-group">
      <span className="cdp-rb-option-head" aria-hidden="true">{group.label}</span>
      <ul role="presentation">{rows}</ul>
    </li>
  );
}

/** The choices that the typed text finds: what begins with it before what holds it, and never more than fit a look. */
function matching(groups, typed) {
  const wanted = (typed || "").trim().toLowerCase();
  let room = SHOWN;
  const found = [];
  for (const group of groups) {
    const fitting = wanted ? ranked(group.options, wanted) : group.options;
    const options = fitting.slice(0, room);
    room -= options.length;
    if (options.length) found.push({ ...group, options });
  }
  return found;
}

function ranked(options, wanted) {
  const rank = (option) => {
    const at = option.label.toLowerCase().indexOf(wanted);
    return at < 0 ? (option.search || "").toLowerCase().includes(wanted) ? 2 : 3 : at === 0 ? 0 : 1;
  };
  return options.map((option) => [rank(option), option]).filter(([at]) => at < 3).sort((a, b) => a[0] - b[0]).map(([, option]) => option);
}
