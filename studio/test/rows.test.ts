import { expect, test } from 'vitest';

import { line, lines, parse, valueOf, withKey, type Row } from '../src/rows';

test.each([
  'kick -> pull:coarse 0.4 decay=0.25',
  'loudness -> walk.blend 1 window=99 polyorder=3 power=1.3',
  'hit@drums -> pull:coarse+middle 0.3 decay=0.25 floor=0.03',
  'loudness -> direction:x.npy 1 raw range=-2,2',
  'constant -> walk.bottom -0.03',
])('%s stays what it is', (text) => {
  expect(line(parse(text) as Row)).toBe(text);
});

test('keys are set, changed and taken out', () => {
  const row = parse('kick -> pull 0.4 decay=0.25') as Row;
  expect(line(withKey(row, 'decay', '0.5'))).toBe('kick -> pull 0.4 decay=0.5');
  expect(line(withKey(withKey(row, 'decay', ''), 'gap', '0.2'))).toBe('kick -> pull 0.4 gap=0.2');
  expect(valueOf(row, 'decay')).toBe('0.25');
});

test('objects become lines', () => {
  const shape = { decay: 0.5, invert: false };
  expect(lines([{ feature: 'kick', target: 'pull', rows: 'coarse', amount: 0.4, shape }, 'x -> psi'])).toEqual([
    'kick -> pull:coarse 0.4 decay=0.5',
    'x -> psi',
  ]);
  expect(lines(null)).toEqual([]);
});

test('what is no row is none', () => {
  expect(parse('nonsense')).toBeNull();
});
