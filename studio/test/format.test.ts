import { expect, test } from 'vitest';

import { bytes, clock, number, rate, span } from '../src/format';

test('clock', () => {
  expect([clock(0), clock(83.44), clock(59.96), clock(3661, 0)]).toEqual(['0:00.0', '1:23.4', '1:00.0', '1:01:01']);
});

test('span', () => {
  expect([span(1.25), span(42.3), span(180), span(7800)]).toEqual(['1.3 s', '42 s', '3 min', '2 h 10 min']);
});

test('bytes, numbers, rates', () => {
  expect([bytes(12), bytes(1234), bytes(123_456_789)]).toEqual(['12 B', '1.2 kB', '123 MB']);
  expect([number(0.30000000000000004, 0.1), number(12.7, 1)]).toEqual(['0.3', '13']);
  expect(rate('30000/1001')).toBeCloseTo(29.97);
  expect([rate('24'), rate(null), rate('x')]).toEqual([24, 30, 30]);
});
