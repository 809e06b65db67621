/** Where a value lies on a slider: evenly, or by ratio where the range spans many times the default. */

import type { Field } from '../schema';

export const POSITIONS = 1000;

export function toPosition(field: Field, value: number): number {
  const { low, high, byRatio } = range(field);
  const clipped = Math.min(Math.max(value, low), high);
  return Math.round(POSITIONS * (byRatio ? Math.log(clipped / low) / Math.log(high / low) : (clipped - low) / (high - low)));
}

export function toValue(field: Field, position: number): number {
  const { low, high, byRatio } = range(field);
  const share = position / POSITIONS;
  return snap(field, byRatio ? low * (high / low) ** share : low + share * (high - low));
}

/** The nearest value that the field takes. */
export function snap(field: Field, value: number): number {
  const step = field.step ?? precision(value);
  const origin = field.step ? (field.minimum ?? 0) : 0;
  const snapped = origin + Math.round((value - origin) / step) * step;
  const inside = Math.min(field.maximum ?? Infinity, Math.max(field.minimum ?? -Infinity, snapped));
  return Number(inside.toPrecision(12));
}

/** The knob's useful range, else what is allowed, else what lies around the default. */
function range(field: Field): { low: number; high: number; byRatio: boolean } {
  const middle = typeof field.default === 'number' && field.default > 0 ? field.default : Math.max(field.minimum ?? 0, 1);
  const high = field.high ?? field.maximum ?? 10 * middle;
  const low = field.low ?? field.minimum ?? 0;
  const byRatio = low >= 0 && high > 12 * middle;
  return { low: byRatio ? Math.max(low, middle / 100, field.whole ? 1 : 0) : low, high, byRatio };
}

/** Three significant digits. */
function precision(value: number): number {
  return value === 0 ? 0.01 : 10 ** (Math.floor(Math.log10(Math.abs(value))) - 2);
}
