import { useMemo, useRef } from "react";

const MOST = 100;
const ONE_EDIT = 600; // milliseconds: what is typed without a pause is undone together

/** Undo and redo over whole states. `put` takes what makes the next state from the one before. */
export function useHistory(state, setState) {
  const kept = useRef({ past: [], future: [], at: 0 });
  const now = useRef(state);
  now.current = state;
  const acts = useMemo(() => {
    const go = (next) => {
      now.current = next;
      setState(next);
    };
    return {
      put(change) {
        const next = change(now.current);
        if (next.text === now.current.text) return;
        const time = Date.now();
        const steps = kept.current;
        if (time - steps.at > ONE_EDIT) steps.past = [...steps.past.slice(-MOST), now.current];
        steps.at = time;
        steps.future = [];
        go(next);
      },
      undo() {
        const steps = kept.current;
        if (!steps.past.length) return;
        const before = steps.past[steps.past.length - 1];
        Object.assign(steps, { past: steps.past.slice(0, -1), future: [...steps.future, now.current], at: 0 });
        go(before);
      },
      redo() {
        const steps = kept.current;
        if (!steps.future.length) return;
        const after = steps.future[steps.future.length - 1];
        Object.assign(steps, { past: [...steps.past, now.current], future: steps.future.slice(0, -1), at: 0 });
        go(after);
      },
    };
  }, [setState]);
  return useMemo(
    () => ({ ...acts, canUndo: kept.current.past.length > 0, canRedo: kept.current.future.length > 0 }),
    // Which steps there are changes with the state and only with it.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [acts, state],
  );
}
