import { expect, test } from 'vitest';

import { add, alter, double, from, halve, nearest, remove, SAME, shift, threshold, tidy } from '../src/hits';

const hits = [
  { time: 1, strength: 0.4, drum: 'kick' },
  { time: 2, strength: 1 },
  { time: 3, strength: 0.6 },
];
const times = (list: { time: number }[]): number[] => list.map(({ time }) => time);

test('hits stay in order, within the song, and two that touch are the stronger one', () => {
  expect(times(tidy([{ time: 5, strength: 1 }, { time: -1, strength: 1 }, ...hits], 4))).toEqual([1, 2, 3]);
  const merged = tidy([...hits, { time: 1 + SAME / 2, strength: 0.9 }], 4);
  expect(merged[0]).toEqual({ time: 1, strength: 0.9 });
  expect(merged).toHaveLength(3);
});

test('add and remove', () => {
  expect(times(add(hits, 1.5, 0.5, 4))).toEqual([1, 1.5, 2, 3]);
  expect(times(remove(hits, 1))).toEqual([1, 3]);
});

test('a hit that is dragged stops at its neighbours and at the ends', () => {
  expect(alter(hits, 1, 9, 1, 4)[1]?.time).toBeCloseTo(3 - SAME);
  expect(alter(hits, 0, -9, 2, 4)[0]).toEqual({ time: 0, strength: 1, drum: 'kick' });
  expect(alter(hits, 2, 9, 1, 4)[2]?.time).toBeLessThan(4);
});

test('shift loses what leaves the song', () => {
  expect(times(shift(hits, -1.5, 4))).toEqual([0.5, 1.5]);
});

test('half of the double are the hits', () => {
  expect(times(double(hits, 4))).toEqual([1, 1.5, 2, 2.5, 3]);
  expect(times(halve(double(hits, 4)))).toEqual([1, 2, 3]);
  expect(times(halve(hits, 1))).toEqual([2]);
  expect(times(double([{ time: 0, strength: 1 }, { time: 10, strength: 1 }], 20))).toEqual([0, 10]);
});

test('threshold, nearest, from', () => {
  expect(times(threshold(hits, 0.5))).toEqual([2, 3]);
  expect(nearest(hits, 2.2, 0.3)).toBe(1);
  expect(nearest(hits, 2.4, 0.3)).toBe(-1);
  expect(nearest([], 1, 9)).toBe(-1);
  expect([from(hits, 0), from(hits, 2), from(hits, 9)]).toEqual([0, 1, 3]);
});
