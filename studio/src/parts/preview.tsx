/** Part 6, the preview: stills and a short clip, the very frames of the final render. */

import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect } from 'preact/hooks';

import { isAbort, messageOf, post, postJson } from '../api/client';
import type { Settings, Still } from '../api/types';
import { announce } from '../controls/announce';
import { Fault } from '../controls/fault';
import { settings } from '../document/store';
import { clock, plural, span } from '../format';
import { pause, region, time } from '../song/player';
import { song } from '../song/song';

const LONGEST = 8; // seconds of a clip
const SIDE = 256; // of the clip's box and of the stills, pixels

interface Wish {
  song: string;
  settings: Settings;
}

const stills = signal<Still[]>([]);
const clip = signal<{ url: string; told: string } | null>(null);
const busy = signal<'stills' | 'clip' | null>(null);
const expected = signal<string>('');
const error = signal<string | null>(null);
/** Make the clip anew after every edit. */
const follow = signal(false);
let asked = '';

export function Preview(): ComponentChild {
  const found = song.value;
  const part = clipPart();
  useEffect(() => {
    if (!follow.value || !found || busy.value) return undefined;
    const wanted = JSON.stringify([settings.value, part, found.id]);
    if (wanted === asked) return undefined;
    const timer = setTimeout(() => void makeClip(), 250); // a slider that moves is not yet an edit
    return () => clearTimeout(timer);
  }, [follow.value, settings.value, part.start, part.duration, found?.id, busy.value]);
  return (
    <section class="preview" aria-label="Preview">
      <div class="part-head">
        <h2>Preview</h2>
        <span class="muted" role="status">
          {busy.value ? `making ${busy.value === 'clip' ? 'the clip' : 'stills'}${expected.value}` : ''}
        </span>
      </div>
      <div class="screen">
        {clip.value ? (
          <video key={clip.value.url} src={clip.value.url} controls loop autoplay playsInline onPlay={pause} aria-label="Clip of the preview" />
        ) : (
          <p class="help">{found ? 'The clip plays here, with its sound.' : 'First a song.'}</p>
        )}
      </div>
      {clip.value && <p class="help">{clip.value.told}</p>}
      <p class="row">
        <button type="button" disabled={!found || busy.value !== null} onClick={() => void makeClip()}>
          {found ? `Make a clip, ${clock(part.start)} to ${clock(part.start + part.duration)}` : 'Make a clip'}
        </button>
        <button type="button" disabled={!found || busy.value !== null} onClick={() => void makeStills()}>
          Four stills
        </button>
        <label class="inline">
          <input type="checkbox" checked={follow.value} onChange={(event) => (follow.value = event.currentTarget.checked)} />
          again after each edit
        </label>
      </p>
      <Fault text={error.value} />
      <div class="stills">
        {stills.value.map((still) => (
          <figure key={still.time}>
            <img src={`data:image/png;base64,${still.png}`} alt={`Still at ${clock(still.time ?? 0)}`} />
            <figcaption>{clock(still.time ?? 0)}</figcaption>
          </figure>
        ))}
      </div>
    </section>
  );
}

/** The looped region, or from the cursor on; at most LONGEST seconds of it. */
function clipPart(): { start: number; duration: number } {
  const length = song.value?.duration ?? 0;
  const loop = region.value;
  const start = loop ? loop.start : Math.max(0, Math.min(Math.round(time.value * 2) / 2, length - 2));
  const end = loop ? loop.end : start + 4;
  return { start, duration: Math.max(0.1, Math.min(LONGEST, end - start, length - start)) };
}

async function makeClip(): Promise<void> {
  const wish = begin('clip');
  if (!wish) return;
  const part = clipPart();
  asked = JSON.stringify([wish.settings, part, wish.song]);
  const body = { settings: wish.settings, ...part, size: `${SIDE}x${SIDE}` };
  const began = performance.now();
  try {
    const { seconds, frames } = await postJson<{ seconds: number | null; frames: number }>(`/v1/songs/${wish.song}/clip`, { ...body, estimate: true });
    expected.value = `: ${plural(frames, 'frame')}${seconds === null ? '' : `, about ${span(seconds)}`}`;
    const response = await post(`/v1/songs/${wish.song}/clip`, body);
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

async function makeStills(): Promise<void> {
  const wish = begin('stills');
  if (!wish) return;
  const loop = region.value;
  const begin_ = loop?.start ?? Number(wish.settings['start'] ?? 0);
  const length = (loop?.end ?? song.value?.duration ?? 0) - begin_;
  const times = [1, 3, 5, 7].map((share) => Number((begin_ + (length * share) / 8).toFixed(3)));
  try {
    const answer = await postJson<{ stills: Still[] }>(`/v1/songs/${wish.song}/stills`, { settings: wish.settings, times, size: SIDE });
    stills.value = answer.stills;
    announce('Four stills are there');
  } catch (failure) {
    fail(failure);
  }
  busy.value = null;
}

function begin(what: 'stills' | 'clip'): Wish | null {
  if (!song.value || busy.value) return null;
  busy.value = what;
  expected.value = '';
  error.value = null;
  return { song: song.value.id, settings: settings.value };
}

function fail(failure: unknown): void {
  if (!isAbort(failure)) error.value = messageOf(failure);
}
