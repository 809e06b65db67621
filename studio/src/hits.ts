/** Editing hits: every function takes a list in the order of time and gives a new one. */

import type { Hit } from './api/types';

/** Two hits nearer than this are one, seconds. */
export const SAME = 0.015;
const MICROSECOND = 1e6;

/** In the order of time, within 0..duration, one where two are nearer than SAME (the stronger counts). */
export function tidy(hits: readonly Hit[], duration: number): Hit[] {
  const inside = hits.filter(({ time }) => time >= 0 && time < duration);
  const sorted = inside.map((hit) => ({ ...hit, time: exact(hit.time) })).sort((a, b) => a.time - b.time);
  const kept: Hit[] = [];
  for (const hit of sorted) {
    const last = kept.at(-1);
    if (last && hit.time - last.time < SAME) {
      if (hit.strength > last.strength) kept[kept.length - 1] = { ...hit, time: last.time };
    } else kept.push(hit);
  }
  return kept;
}

export function add(hits: readonly Hit[], time: number, strength: number, duration: number): Hit[] {
  return tidy([...hits, { time, strength }], duration);
}

export function remove(hits: readonly Hit[], index: number): Hit[] {
  return hits.filter((_, each) => each !== index);
}

/** One hit elsewhere or of another strength. It never passes a neighbour, so that its index stays. */
export function alter(hits: readonly Hit[], index: number, time: number, strength: number, duration: number): Hit[] {
  const hit = hits[index];
  if (!hit) return [...hits];
  const low = index > 0 ? (hits[index - 1] as Hit).time + SAME : 0;
  const high = index < hits.length - 1 ? (hits[index + 1] as Hit).time - SAME : duration - 0.001;
  const moved = exact(Math.min(Math.max(time, low), Math.max(low, high)));
  return hits.map((each, at) => (at === index ? { ...hit, time: moved, strength: unit(strength) } : each));
}

export function shift(hits: readonly Hit[], seconds: number, duration: number): Hit[] {
  return tidy(
    hits.map((hit) => ({ ...hit, time: hit.time + seconds })),
    duration,
  );
}

/** Every other hit, from the first one or, with `phase` 1, from the second. */
export function halve(hits: readonly Hit[], phase = 0): Hit[] {
  return hits.filter((_, index) => index % 2 === phase);
}

/** A hit halfway between each two, as strong as the weaker of them. Longer pauses than `gap` seconds stay pauses. */
export function double(hits: readonly Hit[], duration: number, gap = 2): Hit[] {
  const between = hits.slice(1).flatMap((hit, index) => {
    const before = hits[index] as Hit;
    if (hit.time - before.time > gap) return [];
    return [{ time: (hit.time + before.time) / 2, strength: Math.min(hit.strength, before.strength) }];
  });
  return tidy([...hits, ...between], duration);
}

export function threshold(hits: readonly Hit[], least: number): Hit[] {
  return hits.filter(({ strength }) => strength >= least);
}

/** Index of the hit nearest to `time`, at most `reach` seconds away; -1 if there is none. */
export function nearest(hits: readonly Hit[], time: number, reach: number): number {
  let at = from(hits, time);
  const before = hits[at - 1];
  const after = hits[at];
  if (before && (!after || time - before.time <= after.time - time)) at -= 1;
  const hit = hits[at];
  return hit && Math.abs(hit.time - time) <= reach ? at : -1;
}

/** Index of the first hit at `time` or later, by bisection. */
export function from(hits: readonly Hit[], time: number): number {
  let [low, high] = [0, hits.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((hits[middle] as Hit).time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function exact(time: number): number {
  return Math.round(time * MICROSECOND) / MICROSECOND;
}

function unit(strength: number): number {
  return Math.round(Math.min(1, Math.max(0, strength)) * 1000) / 1000;
}
