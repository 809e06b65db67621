import { expect, test } from 'vitest';

import { begin, commit, MOST, redo, SAME_STEP, undo } from '../src/document/history';

test('undo and redo walk through the documents', () => {
  const history = commit(commit(begin('a'), 'b', 'x', 0), 'c', 'y', 1);
  expect(undo(history).present).toBe('b');
  expect(undo(undo(undo(history))).present).toBe('a');
  expect(redo(undo(history)).present).toBe('c');
  expect(redo(history)).toBe(history);
});

test('a drag is one step, two drags are two', () => {
  let history = commit(begin(0), 1, 'slider', 1000);
  history = commit(history, 2, 'slider', 1000 + SAME_STEP - 1);
  expect(undo(history).present).toBe(0);
  history = commit(history, 3, 'slider', 1000 + 3 * SAME_STEP);
  expect(undo(history).present).toBe(2);
});

test('after an undo the same field begins a step of its own', () => {
  const history = undo(commit(commit(begin(0), 1, 'x', 0), 2, 'y', 1));
  expect(undo(commit(history, 5, 'x', 2)).present).toBe(1);
});

test('an edit forgets what was undone, and the stack is bounded', () => {
  let history = begin(0);
  for (let index = 1; index < MOST + 50; index += 1) history = commit(history, index, String(index), index);
  expect(history.past.length).toBe(MOST);
  expect(commit(undo(history), -1, 'z', 0).future).toEqual([]);
});
