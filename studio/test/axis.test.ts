import { expect, test } from 'vitest';

import { CLOSEST, clamp, pan, ticks, toPixel, toTime, zoom } from '../src/timeline/axis';

test('pixels and seconds are each other back', () => {
  const view = { start: 10, end: 30 };
  expect(toPixel(view, 1000, 20)).toBe(500);
  expect(toTime(view, 1000, toPixel(view, 1000, 17.3))).toBeCloseTo(17.3);
});

test('zoom keeps the moment under the pointer, and the song in view', () => {
  const view = zoom({ start: 0, end: 100 }, 0.1, 40, 100);
  expect(view.end - view.start).toBeCloseTo(10);
  expect(toPixel(view, 1, 40)).toBeCloseTo(0.4);
  expect(zoom(view, 1000, 40, 100)).toEqual({ start: 0, end: 100 });
  const near = zoom(view, 1e-9, 40, 100);
  expect(near.end - near.start).toBeCloseTo(CLOSEST);
});

test('a view stays within the song', () => {
  expect(pan({ start: 0, end: 10 }, -5, 100)).toEqual({ start: 0, end: 10 });
  expect(pan({ start: 80, end: 95 }, 50, 100)).toEqual({ start: 85, end: 100 });
  expect(clamp({ start: 0, end: 9 }, 0.2)).toEqual({ start: 0, end: 0.2 });
});

test('ticks are round and far enough apart', () => {
  const { times, step } = ticks({ start: 3, end: 63 }, 600, 80);
  expect(step).toBe(10);
  expect(times).toEqual([10, 20, 30, 40, 50, 60]);
});
