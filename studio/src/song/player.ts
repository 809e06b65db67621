/** Playing the song: where it is, and the region that is looped. */

import { batch, effect, signal } from '@preact/signals';

import { messageOf } from '../api/client';
import type { View } from '../timeline/axis';
import { song } from './song';

const REGION = 'akma.region';
const LEAST = 0.05; // seconds of a region

export const time = signal(0);
export const playing = signal(false);
export const region = signal<View | null>(null);
export const playError = signal<string | null>(null);

const audio = new Audio();
audio.preload = 'auto';
let frame = 0;

audio.addEventListener('play', () => {
  playing.value = true;
  frame = requestAnimationFrame(step);
});
audio.addEventListener('pause', () => {
  playing.value = false;
  cancelAnimationFrame(frame);
  time.value = audio.currentTime;
});
audio.addEventListener('ended', () => (playing.value = false));
audio.addEventListener('error', () => {
  if (audio.getAttribute('src')) playError.value = 'this browser cannot play the song: the video will have its sound';
});

function step(): void {
  const loop = region.value;
  if (loop && audio.currentTime >= loop.end) audio.currentTime = loop.start;
  time.value = audio.currentTime;
  if (!audio.paused) frame = requestAnimationFrame(step);
}

export async function play(): Promise<void> {
  if (!song.value) return;
  const loop = region.value;
  if (loop && (audio.currentTime < loop.start || audio.currentTime >= loop.end - 0.01)) seek(loop.start);
  try {
    await audio.play();
    playError.value = null;
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'AbortError')) playError.value = messageOf(error);
  }
}

export function pause(): void {
  audio.pause();
}

export function toggle(): void {
  if (playing.value) pause();
  else void play();
}

export function seek(seconds: number): void {
  const last = song.value?.duration ?? 0;
  const to = Math.min(Math.max(0, seconds), last);
  time.value = to;
  audio.currentTime = to;
}

/** The moment that is heard right now, more exact than `time`. */
export function now(): number {
  return playing.value ? audio.currentTime : time.value;
}

export function setRegion(wanted: View | null): void {
  const last = song.value?.duration ?? 0;
  const start = wanted ? Math.max(0, Math.min(wanted.start, wanted.end)) : 0;
  const end = wanted ? Math.min(last, Math.max(wanted.start, wanted.end)) : 0;
  region.value = wanted && end - start >= LEAST ? { start, end } : null;
}

export function followPlayer(): void {
  effect(() => {
    const found = song.value;
    batch(() => {
      pause();
      playError.value = null;
      if (!found) {
        audio.removeAttribute('src');
        return;
      }
      const url = found.links.audio;
      if (audio.getAttribute('src')?.split('?')[0] !== url.split('?')[0]) {
        audio.src = url;
        time.value = 0;
        region.value = kept(found.id);
      }
    });
  });
  effect(() => {
    const [id, loop] = [song.value?.id, region.value];
    try {
      if (id) sessionStorage.setItem(REGION, JSON.stringify({ id, loop }));
    } catch {
      // Without storage the region is marked anew after a reload.
    }
  });
}

function kept(id: string): View | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(REGION) ?? '{}') as { id?: string; loop?: View | null };
    return found.id === id ? (found.loop ?? null) : null;
  } catch {
    return null;
  }
}
