/** Part 3, the beats: hits that the picture lands on, found by the service and edited by hand. */

import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect } from 'preact/hooks';

import { messageOf, post } from '../api/client';
import type { Hit } from '../api/types';
import { announce } from '../controls/announce';
import { Fault } from '../controls/fault';
import { Typed } from '../controls/typed';
import { change, settings } from '../document/store';
import { download } from '../document/exchange';
import { clock, plural } from '../format';
import { double, halve, shift, threshold } from '../hits';
import { analysis, hits } from '../song/analysis';
import { play, playing } from '../song/player';
import { song } from '../song/song';
import { addHere, choose, deleteChosen, moveChosen } from '../timeline/keys';
import { selected } from '../timeline/view';

/** True while the space bar taps hits in place of playing and pausing. */
export const tapping = signal(false);
const shiftBy = signal(-10);
const least = signal(0.2);
const exportError = signal<string | null>(null);
const FORMATS = ['csv', 'json', 'edl', 'fcpxml'];

export function BeatsPart(): ComponentChild {
  useEffect(() => () => void (tapping.value = false), []);
  const edited = Array.isArray(settings.value['hits']);
  const length = song.value?.duration ?? 0;
  const set = (to: Hit[], about: string): void => {
    change({ hits: to as never }, `${about} ${Date.now()}`);
    announce(`${about}: ${plural(to.length, 'hit')}`);
  };
  return (
    <div class="beats">
      <div class="part-head">
        <h2>{plural(hits.value.length, 'hit')}</h2>
        <span class="muted">
          {edited ? `edited; ${analysis.value?.hits.length ?? 0} were found` : 'as they were found'}
        </span>
        {edited && (
          <button type="button" onClick={() => change({ hits: undefined }, 'found')}>
            Back to what was found
          </button>
        )}
      </div>
      <p class="help">
        Drag a marker to move it, up and down for its strength; zoom in with + where they are close. Double click between markers adds one,
        as tapping does. Keys on the lane: arrows choose, Alt + arrows move, Delete deletes.
      </p>
      <div class="tools">
        <Chosen />
        <fieldset>
          <legend>By hand</legend>
          <button type="button" onClick={addHere} disabled={!length}>
            Add at cursor
          </button>
          <button type="button" aria-pressed={tapping.value} onClick={() => startTapping()} disabled={!length}>
            {tapping.value ? 'Stop tapping' : 'Tap along'}
          </button>
          {tapping.value && (
            <button type="button" class="main tap" onPointerDown={addHere}>
              Tap, or press space
            </button>
          )}
        </fieldset>
        <fieldset>
          <legend>All of them</legend>
          <button type="button" onClick={() => set(halve(hits.value), 'Half')}>
            Every other one
          </button>
          <button type="button" onClick={() => set(double(hits.value, length), 'Double')}>
            Twice as many
          </button>
          <button type="button" onClick={() => set(halve(hits.value, 1), 'Next phase')} title="Every other one, beginning with the second">
            The others
          </button>
          <label class="inline">
            <span class="unseen">Shift by milliseconds</span>
            <Typed type="number" value={shiftBy.value} step={5} give={(text) => (shiftBy.value = Number(text))} />
            ms
          </label>
          <button type="button" onClick={() => set(shift(hits.value, shiftBy.value / 1000, length), 'Shifted')}>
            Shift them
          </button>
          <label class="inline">
            <span>weaker than</span>
            <Typed type="number" min={0} max={100} step={5} value={Math.round(least.value * 100)} give={(text) => (least.value = Number(text) / 100)} />
            %
          </label>
          <button type="button" onClick={() => set(threshold(hits.value, least.value), 'Stronger ones kept')}>
            Drop
          </button>
        </fieldset>
        <fieldset>
          <legend>Export</legend>
          {FORMATS.map((format) => (
            <button key={format} type="button" onClick={() => void take(format)} disabled={!length}>
              {format.toUpperCase()}
            </button>
          ))}
        </fieldset>
      </div>
      <Fault text={exportError.value} />
    </div>
  );
}

function Chosen(): ComponentChild {
  const at = selected.value;
  const hit = hits.value[at];
  const step = (by: number): void => choose(Math.min(hits.value.length - 1, Math.max(0, at + by)));
  return (
    <fieldset>
      <legend>{hit ? `Hit ${at + 1}${hit.drum ? `, ${hit.drum}` : ''}` : 'No hit chosen'}</legend>
      <button type="button" onClick={() => step(-1)} aria-label="Hit before" disabled={!hits.value.length}>
        ‹
      </button>
      <button type="button" onClick={() => step(1)} aria-label="Next hit" disabled={!hits.value.length}>
        ›
      </button>
      {hit && (
        <>
          <output class="time" aria-label="Time of the hit">
            {clock(hit.time, 3)}
          </output>
          <button type="button" onClick={() => moveChosen(-0.01, 0)}>
            −10 ms
          </button>
          <button type="button" onClick={() => moveChosen(0.01, 0)}>
            +10 ms
          </button>
          <label class="inline">
            <span>strength</span>
            <input
              type="range"
              min={0}
              max={100}
              value={Math.round(hit.strength * 100)}
              onInput={(event) => moveChosen(0, Number(event.currentTarget.value) / 100 - hit.strength)}
            />
          </label>
          <button type="button" onClick={deleteChosen}>
            Delete
          </button>
        </>
      )}
    </fieldset>
  );
}

function startTapping(): void {
  tapping.value = !tapping.value;
  if (tapping.value && !playing.value) void play();
  announce(tapping.value ? 'Tapping: space adds hits to those that are there' : 'Tapping is over');
}

async function take(format: string): Promise<void> {
  const found = song.value;
  if (!found) return;
  exportError.value = null;
  try {
    const response = await post(`/v1/songs/${found.id}/hits.${format}`, settings.value);
    download(`${found.name.replace(/\.[^.]*$/, '')}-hits.${format}`, await response.blob());
  } catch (error) {
    exportError.value = messageOf(error);
  }
}
