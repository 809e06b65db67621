/** Part 7, the render: its size and quality, what it takes here, and how far it is. */

import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect } from 'preact/hooks';

import { ApiError } from '../api/client';
import type { Render } from '../api/types';
import { Fault } from '../controls/fault';
import { Setting } from '../controls/field';
import { change, settings } from '../document/store';
import { bytes, clock, plural, span } from '../format';
import { fields, models, upscalers } from '../schema';
import { region } from '../song/player';
import { song } from '../song/song';
import { estimate, isOver, remove, renderError, stateOf, submit, watched } from '../renders';
import { chosenModel } from './look/network';
import { RendersList } from './renders-list';
import { Stream } from './stream';

const SHAPES = ['16:9', '9:16', '1:1'];
const HERE = ['shape', 'size', 'upscale', 'crf', 'fps', 'start', 'duration'];

const told = signal<string>('');
const sending = signal(false);
let key: { of: string; key: string } | null = null;

export function RenderPart(): ComponentChild {
  const found = song.value;
  const model = models.value.find(({ name }) => name === chosenModel());
  useEffect(() => {
    if (!found) return undefined;
    const timer = setTimeout(() => {
      void estimate(found.id, settings.value).then(
        (words) => (told.value = words),
        (error) => (told.value = error instanceof ApiError && error.status ? error.message : ''),
      );
    }, 300);
    return () => clearTimeout(timer);
  }, [found?.id, settings.value]);
  const shape = settings.value['shape'];
  const others = [...fields.value.values()].filter((each) => each.group === 'output' && !HERE.includes(each.name));
  return (
    <div class="columns">
      <div>
        <h2>Video</h2>
        <fieldset class="switch">
          <legend class="unseen">Shape</legend>
          <label class={shape === undefined ? 'chosen' : ''}>
            <input type="radio" name="shape" class="unseen" checked={shape === undefined} onChange={() => change({ shape: undefined })} />
            The network’s{model ? `, ${model.width} × ${model.height}` : ''}
          </label>
          {SHAPES.map((each) => (
            <label key={each} class={shape === each ? 'chosen' : ''}>
              <input type="radio" name="shape" class="unseen" checked={shape === each} onChange={() => change({ shape: each })} />
              {each}
            </label>
          ))}
        </fieldset>
        <div class="settings">
          <Setting name="shape" />
          <Setting name="size" />
          <Setting name="upscale" choices={['none', ...upscalers.value.map(({ name }) => name)]} />
          <Setting name="crf" />
          <Setting name="fps" />
          <Setting name="start" />
          <Setting name="duration" />
        </div>
        <details>
          <summary>More settings of the file</summary>
          <div class="settings">
            {others.map(({ name }) => (
              <Setting key={name} name={name} />
            ))}
          </div>
        </details>
      </div>
      <div>
        <h2>Render</h2>
        {found && <Range length={found.duration} />}
        <p class="estimate" role="status">
          {found ? told.value || 'Measuring how long this takes here…' : 'First a song: drop one anywhere.'}
        </p>
        <button type="button" class="main large" disabled={!found || sending.value} onClick={() => void send()}>
          Render the video
        </button>
        <Fault text={renderError.value} />
        {watched.value && <Progress render={watched.value} />}
        <RendersList />
      </div>
    </div>
  );
}

/** Which part of the song will be rendered: a few seconds taken for the whole would be found out late. */
function Range({ length }: { length: number }): ComponentChild {
  const start = Number(settings.value['start'] ?? 0);
  const end = Math.min(length, start + Number(settings.value['duration'] ?? length));
  const whole = start === 0 && end >= length;
  const loop = region.value;
  return (
    <p class="row">
      <span>{whole ? `The whole song, ${clock(length)}` : `${clock(start)} to ${clock(end)} of ${clock(length)}`}</span>
      {!whole && (
        <button type="button" onClick={() => change({ start: undefined, duration: undefined }, 'whole')}>
          The whole song
        </button>
      )}
      {loop && (loop.start !== start || loop.end !== end) && (
        <button type="button" onClick={() => change({ start: loop.start, duration: loop.end - loop.start }, 'loop')}>
          The loop, {clock(loop.start)} to {clock(loop.end)}
        </button>
      )}
    </p>
  );
}

/** The same document sent again, after an answer that never came, is the same render. */
async function send(): Promise<void> {
  if (!song.value) return;
  const of = JSON.stringify([song.value.id, settings.value]);
  if (key?.of !== of) key = { of, key: Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join('-') };
  sending.value = true;
  try {
    await submit(song.value.id, settings.value, key.key);
    key = null;
  } catch {
    // renderError says it; the key stays for the next try.
  }
  sending.value = false;
}

function Progress({ render }: { render: Render }): ComponentChild {
  const { frames_done: done, frames_total: total } = render;
  const parts = [stateOf(render)];
  if (render.status === 'running') parts.push(`${done} of ${plural(total, 'frame')}`);
  if (render.frames_per_second) parts.push(`${render.frames_per_second.toFixed(1)} a second`);
  if (render.seconds_left !== null && render.status === 'running') parts.push(`${span(render.seconds_left)} left`);
  return (
    <section class="watch" aria-label="The render that is watched">
      <div class="part-head">
        <h3>{render.name}</h3>
        <span class={`state ${render.status}`} role="status">
          {parts.join(', ')}
        </span>
        {!isOver(render) && (
          <button type="button" onClick={() => void remove(render)}>
            Cancel
          </button>
        )}
      </div>
      {!isOver(render) && <progress aria-label="Frames that are done" value={done} max={total || 1} />}
      <div class="screen">
        {render.status === 'done' ? (
          <video src={render.links.video} poster={render.links.poster} controls playsInline aria-label="The finished video" />
        ) : render.status === 'running' && done > 0 ? (
          <Stream url={render.links.stream} began={performance.now()} />
        ) : (
          <p class="help">{isOver(render) ? (render.error?.message ?? 'Nothing to watch.') : 'It can be watched as soon as the first seconds are there.'}</p>
        )}
      </div>
      {render.status === 'done' && (
        <p class="row">
          <a class="button main" href={render.links.video} download={`${render.name.replace(/\.[^.]*$/, '')}.mp4`}>
            Download the video{render.video ? `, ${bytes(render.video.bytes)}` : ''}
          </a>
          <a class="button" href={render.links.manifest} download={`${render.name.replace(/\.[^.]*$/, '')}.json`}>
            Manifest
          </a>
          <span class="muted">{clock(render.duration)}</span>
        </p>
      )}
    </section>
  );
}
