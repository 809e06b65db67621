/** What part of the song is seen, and which hit is chosen. */

import { effect, signal } from '@preact/signals';

import { hits } from '../song/analysis';
import { playing, time } from '../song/player';
import { song } from '../song/song';
import { clamp, pan, zoom, type View } from './axis';

export const view = signal<View>({ start: 0, end: 1 });
/** Index of the chosen hit; -1 for none. */
export const selected = signal(-1);

export function zoomBy(factor: number, about?: number): void {
  const found = song.value;
  if (!found) return;
  const { start, end } = view.value;
  const inside = time.value >= start && time.value <= end;
  view.value = zoom(view.value, factor, about ?? (inside ? time.value : (start + end) / 2), found.duration);
}

export function panBy(seconds: number): void {
  if (song.value) view.value = pan(view.value, seconds, song.value.duration);
}

export function look(wanted: View): void {
  if (song.value) view.value = clamp(wanted, song.value.duration);
}

export function lookAtAll(): void {
  if (song.value) view.value = { start: 0, end: song.value.duration };
}

/** Bring a moment into view, with some room on its sides. */
export function reveal(moment: number): void {
  const { start, end } = view.value;
  if (moment < start || moment > end) panBy(moment - start - (end - start) * 0.1);
}

export function followView(): void {
  let id = '';
  effect(() => {
    const found = song.value;
    if (!found || found.id === id) return;
    id = found.id;
    view.value = { start: 0, end: found.duration };
    selected.value = -1;
  });
  effect(() => {
    if (selected.value >= hits.value.length) selected.value = -1;
  });
  // The view turns the page when the cursor leaves it while it plays.
  effect(() => {
    if (playing.value) reveal(time.value);
  });
}
