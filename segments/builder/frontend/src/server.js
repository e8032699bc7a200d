/** Questions to the server: each waits until typing pauses, and a newer one takes an older one's place. */
import { useEffect, useRef, useState } from "react";
import { usePage } from "./contexts.js";
import { print } from "./json.js";

/** What the server refused, in its own words. */
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail || `The server answered ${status}.`);
    this.problem = problem;
    this.status = status;
  }
}

async function ask(address, { body, signal }) {
  const token = document.querySelector("input[name=csrfmiddlewaretoken]");
  const headers = { Accept: "application/json" };
  if (body !== undefined) Object.assign(headers, { "Content-Type": "application/json", "X-CSRFToken": token ? token.value : "" });
  const answer = await fetch(address, { method: body === undefined ? "GET" : "POST", headers, body: body === undefined ? undefined : print(body), signal, credentials: "same-origin" });
  const isJson = (answer.headers.get("Content-Type") || "").includes("json");
  const told = isJson ? await answer.json() : {};
  if (!answer.ok) throw new Refused(told, answer.status);
  return told;
}

/**
 * The answer to a question that follows what is being edited. While a newer one is on its way the last answer stays,
 * marked as `late`. A question of undefined asks nothing.
 */
export function useAnswer(address, question, delay) {
  const [state, setState] = useState({ answer: null, error: null, late: true });
  const key = question === undefined ? null : print(question);
  const asked = useRef(null);
  useEffect(() => {
    if (key === null) return undefined;
    asked.current = question;
    setState((before) => ({ ...before, late: true }));
    const given = new AbortController();
    const timer = setTimeout(() => {
      ask(address, { body: asked.current, signal: given.signal }).then(
        (answer) => setState({ answer, error: null, late: false }),
        (error) => {
          if (!given.signal.aborted) setState((before) => ({ answer: before.answer, error, late: false }));
        },
      );
    }, delay);
    return () => {
      clearTimeout(timer);
      given.abort();
    };
    // The question is its text.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [address, key, delay]);
  return state;
}

const NOTHING = { groups: [], note: null };

/** The commonest values of a trait or property, asked for when its field is first used. `asked` of null asks nothing. */
export function useSuggestions(subject, asked) {
  const { addresses } = usePage();
  const [found, setFound] = useState(NOTHING);
  const key = subject && asked !== null ? new URLSearchParams({ ...subject, q: asked }).toString() : null;
  useEffect(() => {
    if (key === null) return undefined;
    const given = new AbortController();
    const timer = setTimeout(() => {
      ask(`${addresses.values}?${key}`, { signal: given.signal }).then(
        ({ values, withheld }) => setFound({ groups: [{ options: values.map(({ value, share }) => ({ value, label: value, hint: percent(share) })) }], note: withheld }),
        () => given.signal.aborted || setFound(NOTHING),
      );
    }, 150);
    return () => {
      clearTimeout(timer);
      given.abort();
    };
  }, [addresses, key]);
  return found;
}

export function percent(share) {
  if (share === null || share === undefined) return "";
  const hundredths = share * 100;
  return `${hundredths >= 10 || hundredths === 0 ? Math.round(hundredths) : hundredths.toFixed(hundredths < 0.1 ? 2 : 1)} %`;
}

export const thousands = (number) => number.toLocaleString("en-US");
