import { expect, test } from 'vitest';

import { POSITIONS, snap, toPosition, toValue } from '../src/controls/scale';
import { fieldOf } from '../src/schema';

const odd = fieldOf('window_length', { type: 'integer', default: 33, minimum: 1, maximum: 9999, 'x-step': 2 });
const compression = fieldOf('compression', { type: 'number', default: 1, exclusiveMinimum: 0, maximum: 1000 });
const psi = fieldOf('truncation_psi', { type: 'number', default: 1, minimum: -10, maximum: 10, 'x-step': 0.05 });

test.each([odd, compression, psi])('$name has its default on the slider, and both ends', (field) => {
  const value = Number(field.default);
  expect(toValue(field, toPosition(field, value)) / value).toBeCloseTo(1, 1);
  expect(toValue(field, POSITIONS)).toBe(field.maximum);
  expect(toValue(field, 0)).toBeGreaterThanOrEqual(field.minimum ?? 0);
});

test('steps count from the minimum: an odd window stays odd', () => {
  for (let position = 0; position <= POSITIONS; position += 7) expect(toValue(odd, position) % 2).toBe(1);
  expect(snap(psi, 0.33)).toBe(0.35);
});

test('an optional field of the schema', () => {
  const field = fieldOf('seeds_top_num', { anyOf: [{ type: 'integer', minimum: 4, maximum: 100 }, { type: 'null' }], default: null });
  expect(field).toMatchObject({ kind: 'number', optional: true, whole: true, minimum: 4, maximum: 100, default: null });
  expect(fieldOf('encoder', { enum: ['auto', 'x264'], default: 'auto' }).kind).toBe('choice');
});
