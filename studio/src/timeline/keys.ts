/** What keys do on the timeline: on the cursor, and on the hits. */

import { announce } from '../controls/announce';
import { change } from '../document/store';
import { clock } from '../format';
import { add, alter, from, nearest, remove } from '../hits';
import { hits } from '../song/analysis';
import { now, region, seek, setRegion, time } from '../song/player';
import { song } from '../song/song';
import { lookAtAll, reveal, selected, view, zoomBy } from './view';

/** True where the key meant something for the cursor. */
export function cursorKey(event: KeyboardEvent): boolean {
  const length = song.value?.duration;
  if (!length) return false;
  const step = (view.value.end - view.value.start) / (event.shiftKey ? 10 : 100);
  const actions: Record<string, () => void> = {
    ArrowLeft: () => seek(time.value - step),
    ArrowRight: () => seek(time.value + step),
    PageUp: () => seek(time.value - 10 * step),
    PageDown: () => seek(time.value + 10 * step),
    Home: () => seek(0),
    End: () => seek(length - 0.01),
    '+': () => zoomBy(0.5),
    '=': () => zoomBy(0.5),
    '-': () => zoomBy(2),
    '0': lookAtAll,
    '[': () => setRegion({ start: time.value, end: region.value?.end ?? length }),
    ']': () => setRegion({ start: region.value?.start ?? 0, end: time.value }),
    Escape: () => setRegion(null),
    Enter: addHere,
  };
  const action = actions[event.key];
  action?.();
  reveal(time.value);
  return Boolean(action);
}

/** True where the key meant something for the hits. */
export function hitKey(event: KeyboardEvent): boolean {
  const { key, altKey } = event;
  const at = selected.value;
  const hit = hits.value[at];
  if (key === 'Enter') addHere();
  else if (key === 'Delete' || key === 'Backspace') deleteChosen();
  else if (hit && altKey && (key === 'ArrowLeft' || key === 'ArrowRight')) {
    moveChosen((key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? 0.05 : 0.005), 0);
  } else if (key === 'ArrowUp' || key === 'ArrowDown') moveChosen(0, key === 'ArrowUp' ? 0.05 : -0.05);
  else if (key === 'ArrowLeft' || key === 'ArrowRight') choose(stepFrom(at, key === 'ArrowLeft' ? -1 : 1));
  else if (key === 'Home') choose(0);
  else if (key === 'End') choose(hits.value.length - 1);
  else return false;
  return true;
}

/** The next hit from the chosen one, or from the cursor where none is chosen. */
function stepFrom(at: number, by: number): number {
  if (at >= 0) return Math.min(hits.value.length - 1, Math.max(0, at + by));
  const next = from(hits.value, time.value);
  return Math.min(hits.value.length - 1, Math.max(0, by > 0 ? next : next - 1));
}

export function choose(index: number): void {
  const hit = hits.value[index];
  if (!hit) return;
  selected.value = index;
  reveal(hit.time);
}

export function addHere(): void {
  const length = song.value?.duration;
  if (!length) return;
  const moment = now();
  change({ hits: add(hits.value, moment, 0.8, length) as never }, `add ${moment}`);
  selected.value = nearest(hits.value, moment, 0.02);
  announce(`Hit added at ${clock(moment, 2)}`);
}

export function deleteChosen(): void {
  const hit = hits.value[selected.value];
  if (!hit) return;
  const kept = selected.value;
  change({ hits: remove(hits.value, kept) as never }, `delete ${hit.time}`);
  selected.value = Math.min(kept, hits.value.length - 1);
  announce(`Hit at ${clock(hit.time, 2)} deleted`);
}

export function moveChosen(seconds: number, strength: number): void {
  const hit = hits.value[selected.value];
  if (!hit || !song.value) return;
  const changed = alter(hits.value, selected.value, hit.time + seconds, hit.strength + strength, song.value.duration);
  change({ hits: changed as never }, `hit ${selected.value}`);
}
