import { expect, test } from 'vitest';

import { moved, seedsOf, toggled } from '../src/seeds';

test('seeds as a list or as text', () => {
  expect(seedsOf('3,14, 15-18')).toEqual([3, 14, 15, 16, 17, 18]);
  expect(seedsOf([1, 2])).toEqual([1, 2]);
  expect(seedsOf(undefined)).toEqual([]);
  expect(seedsOf('9-1,x')).toEqual([]);
});

test('on, off, elsewhere', () => {
  expect(toggled(toggled([1], 2), 1)).toEqual([2]);
  expect(moved([1, 2, 3, 4], 0, 2)).toEqual([2, 3, 1, 4]);
  expect(moved([1, 2, 3], 2, -5)).toEqual([3, 1, 2]);
});
