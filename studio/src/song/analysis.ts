/** What the service hears in the song with the settings as they are: curves, hits, beats, sections. */

import { computed, effect, signal } from '@preact/signals';

import { ApiError, messageOf, onReturn, postJson } from '../api/client';
import type { Analysis, Hit, Settings } from '../api/types';
import { settings } from '../document/store';
import { fields } from '../schema';
import { song } from './song';
import { Latest } from './latest';

export const analysis = signal<Analysis | null>(null);
/** True while an answer is awaited. */
export const analysing = signal(false);
/** What is wrong with a setting, by its name; '' holds what is wrong with none of them. */
export const faults = signal<Readonly<Record<string, string>>>({});
/** Names of the curves that are drawn besides AKMA's. */
export const shownCurves = signal<ReadonlySet<string>>(new Set(['curve']));

/** Hits as they count: edited ones, else those that were found. */
export const hits = computed<Hit[]>(() => {
  const edited = settings.value['hits'];
  return Array.isArray(edited) ? (edited as unknown as Hit[]) : (analysis.value?.hits ?? []);
});

interface Wish {
  song: string;
  settings: Settings;
  curves: readonly string[];
  at: number;
}

const NOT_HEARD = new Set(['look', 'output', 'render']); // groups of settings that no curve depends on
const EVER_HEARD = new Set(['fps', 'preset', 'class']);

const latest = new Latest<Wish, Analysis>(
  (wish) => postJson<Analysis>(`/v1/songs/${wish.song}/analysis?${ofCurves(wish.curves)}`, wish.settings),
  (answer, wish) => {
    if (wish.song !== song.value?.id) return;
    analysis.value = answer;
    faults.value = {};
    analysing.value = false;
    requestAnimationFrame(() => performance.measure('curve', { start: wish.at, end: performance.now() }));
  },
  (error) => {
    analysing.value = false;
    if (error instanceof ApiError && error.status === 0) return; // the page says that the service is away
    faults.value = { [(error instanceof ApiError && error.field) || '']: messageOf(error) };
  },
);

/** Values come of those curves alone that are drawn, if only of one without a name: they are most of an answer. */
function ofCurves(names: readonly string[]): string {
  return new URLSearchParams([['curve', ''], ...names.map((name): [string, string] => ['curve', name])]).toString();
}

/** Ask anew whenever the song changes, a setting that the answer depends on, or what is drawn. */
export function followAnalysis(): void {
  let asked = '';
  let askedSong = '';
  const ask = (force: boolean): void => {
    const id = song.value?.id;
    if (!id) return;
    const heard = Object.entries(settings.value).filter(([name]) => {
      const group = fields.value.get(name)?.group ?? '';
      return EVER_HEARD.has(name) || !NOT_HEARD.has(group);
    });
    const curves = [...shownCurves.value];
    const key = JSON.stringify([id, heard, curves]);
    if (key === asked && !force) return;
    asked = key;
    if (id !== askedSong) analysis.value = null;
    askedSong = id;
    analysing.value = true;
    latest.want({ song: id, settings: Object.fromEntries(heard), curves, at: performance.now() });
  };
  effect(() => ask(false));
  onReturn(() => ask(true));
}
