/** Peaks for drawing: the whole song once, and what is looked at more closely as it is needed. */

import { effect, signal } from '@preact/signals';

import { get, isAbort } from '../api/client';
import type { Peaks } from '../api/types';
import type { View } from '../timeline/axis';
import { song } from './song';

const OVERVIEW = 4000; // points
const KEPT = 12;

export const loaded = signal<readonly Peaks[]>([]);
let asking: AbortController | null = null;

export function followPeaks(): void {
  effect(() => {
    const found = song.value;
    loaded.value = [];
    if (found) void load(found.id, 0, found.duration, OVERVIEW);
  });
}

/** The finest peaks there are that cover the view; asks for finer ones where they would show. */
export function peaksFor(view: View, width: number): Peaks | null {
  const covering = loaded.value.filter((each) => each.start <= view.start + 1e-6 && each.end >= view.end - 1e-6);
  covering.sort((a, b) => (a.end - a.start) / a.points - (b.end - b.start) / b.points);
  const best = covering[0] ?? loaded.value[0] ?? null;
  const length = view.end - view.start;
  const wanted = length / Math.max(200, width);
  const found = song.peek();
  if (found && best && (best.end - best.start) / best.points > 1.5 * wanted) ask(found.id, view, found.duration, width);
  return best;
}

function ask(id: string, view: View, duration: number, width: number): void {
  if (asking) return;
  const length = view.end - view.start;
  const start = Math.max(0, view.start - length);
  const end = Math.min(duration, view.end + length);
  // Three views at once, a little finer than one point a pixel, so that panning and one step of zoom cost nothing.
  const points = Math.min(8000, Math.round(((end - start) / length) * Math.max(400, width) * 1.2));
  asking = new AbortController();
  void load(id, start, end, points, asking.signal).finally(() => (asking = null));
}

async function load(id: string, start: number, end: number, points: number, abort?: AbortSignal): Promise<void> {
  const query = new URLSearchParams({ points: String(points), start: String(start), end: String(end) });
  try {
    const answer = await get<Peaks>(`/v1/songs/${id}/peaks?${query}`, abort);
    if (song.peek()?.id !== id) return;
    const [whole, ...others] = loaded.value;
    loaded.value = whole ? [whole, ...others.slice(-KEPT), answer] : [answer];
  } catch (error) {
    // Without finer peaks the coarse ones are drawn; the song itself says when the service is away.
    if (!isAbort(error)) await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
