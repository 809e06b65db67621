/** Undo: the documents before this one, and those after it. Immutable. */

export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
  /** What the last edit was about; the next one about the same, soon enough, is the same step. */
  readonly about: string | null;
  readonly at: number;
}

export const MOST = 500;
export const SAME_STEP = 800; // milliseconds

export function begin<T>(present: T): History<T> {
  return { past: [], present, future: [], about: null, at: 0 };
}

/** A new present. A drag is one step: edits about the same thing within SAME_STEP of each other count once. */
export function commit<T>(history: History<T>, present: T, about: string, at: number): History<T> {
  if (present === history.present) return history;
  const same = about === history.about && at - history.at < SAME_STEP && history.past.length > 0;
  const past = same ? history.past : [...history.past, history.present].slice(-MOST);
  return { past, present, future: [], about, at };
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  const future = [history.present, ...history.future];
  return { past: history.past.slice(0, -1), present: before, future, about: null, at: 0 };
}

export function redo<T>(history: History<T>): History<T> {
  const [after, ...future] = history.future;
  if (after === undefined) return history;
  return { past: [...history.past, history.present], present: after, future, about: null, at: 0 };
}
