/** Stills and a short clip before a render: how long they take, made, and made again after an edit. */

import { computed, signal } from '@preact/signals';

import { ApiError, isAbort, messageOf, post, postJson } from './api/client';
import type { Estimate, Settings, Still } from './api/types';
import { announce } from './controls/announce';
import { settings } from './document/store';
import { clock, plural, span } from './format';
import { fields } from './schema';
import { region, time } from './song/player';
import { song } from './song/song';

const LONGEST = 8; // seconds of a clip
const SIDE = 256; // of the clip's box and of the stills, pixels
const SIZE = `${SIDE}x${SIDE}`;
const LEAST_LEFT = 2; // seconds of song that a clip from the cursor has at least

interface Wish {
  song: string;
  settings: Settings;
}

export const stills = signal<Still[]>([]);
export const clip = signal<{ url: string; told: string } | null>(null);
export const busy = signal<'stills' | 'clip' | null>(null);
export const clipError = signal<string | null>(null);
/** Of a clip of so many seconds; for another length it would be wrong. */
const answered = signal<(Estimate & { duration: number }) | null>(null);
/** What a clip takes, before it is made; null while that is not known. */
export const estimate = computed(() => (answered.value?.duration === part.value.duration ? answered.value : null));
/** Why it cannot be told. */
export const estimateError = signal<string | null>(null);

/** The looped region, or from the cursor on; at most LONGEST seconds of it. */
export const part = computed(() => {
  const length = song.value?.duration ?? 0;
  const loop = region.value;
  const start = loop ? loop.start : Math.max(0, Math.min(Math.round(time.value * 2) / 2, length - LEAST_LEFT));
  const end = loop ? loop.end : start + 4;
  return { start, duration: Math.max(0.1, Math.min(LONGEST, end - start, length - start)) };
});

/** What a clip of the document is made of; made again where it changes. */
export const wanted = computed(() => JSON.stringify([song.value?.id, part.value, settings.value]));
let made = '';

/** What its time depends on; the rest may be unfinished, as a walk of three seeds is, and would be refused. */
export const timed = computed(() => {
  const chosen = Object.entries(settings.value).filter(([name]) => ['model', 'class'].includes(name) || fields.value.get(name)?.group === 'output');
  return JSON.stringify([song.value?.id, part.value, Object.fromEntries(chosen)]);
});

export const isStale = (): boolean => wanted.value !== made;

export async function ask(): Promise<void> {
  if (!song.value) return;
  const of = timed.value;
  const [id, { start, duration }, chosen] = JSON.parse(of) as [string, { start: number; duration: number }, Settings];
  try {
    const answer = await postJson<Estimate>(`/v1/songs/${id}/clip`, { settings: chosen, start, duration, size: SIZE, estimate: true });
    if (of !== timed.value) return;
    answered.value = { ...answer, duration };
    estimateError.value = null;
  } catch (failure) {
    if (of !== timed.value) return;
    answered.value = null;
    estimateError.value = failure instanceof ApiError && failure.status ? failure.message : null;
  }
}

/** What is told before a clip: "48 frames, about 20 s on this service (CPU)". */
export function inWords({ frames, seconds, device, waiting }: Estimate): string {
  const busyToo = waiting > 0 ? ', longer while it renders' : '';
  return `A clip of ${plural(frames, 'frame')} takes about ${span(seconds)} on this service (${device})${busyToo}; four stills about ${span((4 * seconds) / frames)}.`;
}

export async function makeClip(): Promise<void> {
  const wish = begin('clip');
  if (!wish) return;
  made = wanted.value;
  const began = performance.now();
  try {
    const response = await post(`/v1/songs/${wish.song}/clip`, { settings: wish.settings, ...part.value, size: SIZE });
    const url = URL.createObjectURL(await response.blob());
    if (clip.value) URL.revokeObjectURL(clip.value.url);
    const took = (performance.now() - began) / 1000;
    clip.value = { url, told: `Small, at ${Math.round(Number(response.headers.get('AKMA-Fps')) || 0)} frames a second: each is a frame of the final video. Made in ${span(took)}.` };
    performance.measure('clip', { start: began, end: performance.now() });
    announce(`The clip is there, made in ${span(took)}`);
  } catch (failure) {
    fail(failure);
  }
  busy.value = null;
}

/** Four moments, spread over the loop, else over what will be rendered from its start on. */
export async function makeStills(): Promise<void> {
  const wish = begin('stills');
  if (!wish) return;
  const loop = region.value;
  const first = loop?.start ?? Number(wish.settings['start'] ?? 0);
  const length = (loop?.end ?? song.value?.duration ?? 0) - first;
  const times = [1, 3, 5, 7].map((share) => Number((first + (length * share) / 8).toFixed(3)));
  try {
    const answer = await postJson<{ stills: Still[] }>(`/v1/songs/${wish.song}/stills`, { settings: wish.settings, times, size: SIDE });
    stills.value = answer.stills;
    announce(`Four stills are there, ${clock(times[0] ?? 0)} to ${clock(times[3] ?? 0)}`);
  } catch (failure) {
    fail(failure);
  }
  busy.value = null;
}

function begin(what: 'stills' | 'clip'): Wish | null {
  if (!song.value || busy.value) return null;
  busy.value = what;
  clipError.value = null;
  return { song: song.value.id, settings: settings.value };
}

function fail(failure: unknown): void {
  if (!isAbort(failure)) clipError.value = messageOf(failure);
}
