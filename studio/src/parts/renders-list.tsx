/** All of one's renders: what they look like, how far they are, open, delete. */

import type { ComponentChild } from 'preact';

import type { Render, Status } from '../api/types';
import { Picture } from '../controls/picture';
import { open } from '../document/exchange';
import { clock } from '../format';
import { cursor, filter, isOver, loadRenders, remove, renders, stateOf, watch } from '../renders';

const STATES: readonly (Status | '')[] = ['', 'queued', 'running', 'done', 'failed', 'cancelled'];

export function RendersList(): ComponentChild {
  return (
    <section class="renders-part" aria-label="Renders">
      <div class="part-head">
        <h2>Renders</h2>
        <label class="inline">
          <span class="unseen">Only renders that are</span>
          <select
            value={filter.value}
            onChange={(event) => {
              filter.value = event.currentTarget.value as Status | '';
              void loadRenders();
            }}
          >
            {STATES.map((each) => (
              <option key={each} value={each}>
                {each || 'all'}
              </option>
            ))}
          </select>
        </label>
      </div>
      <ul class="renders">
        {renders.value.map((render) => (
          <Item key={render.id} render={render} />
        ))}
      </ul>
      {!renders.value.length && <p class="help">None yet.</p>}
      {cursor.value && (
        <button type="button" onClick={() => void loadRenders(true)}>
          Older ones
        </button>
      )}
    </section>
  );
}

function Item({ render }: { render: Render }): ComponentChild {
  const poster = render.status === 'done' && render.links.poster;
  const reopen = (): void => open({ song: songOf(render), settings: render.settings }, render.name);
  return (
    <li>
      <span class="poster">{poster ? <Picture path={poster} label={`Poster of ${render.name}`} /> : null}</span>
      <span class="what">
        <span class="name">{render.name}</span>
        <span class="muted small">
          {clock(render.duration)}, {new Date(render.created).toLocaleString()}
        </span>
        <span class={`state small ${render.status}`}>
          {stateOf(render)}
          {render.status === 'running' && render.frames_total ? `, ${Math.round((100 * render.frames_done) / render.frames_total)} %` : ''}
          {render.error ? `: ${render.error.message}` : ''}
        </span>
      </span>
      <span class="buttons">
        <button type="button" onClick={() => watch(render)} aria-label={`Watch ${render.name}`}>
          Watch
        </button>
        <button type="button" onClick={reopen} aria-label={`Open the document of ${render.name}`}>
          Open
        </button>
        <button type="button" onClick={() => void remove(render)} aria-label={`${isOver(render) ? 'Delete' : 'Cancel'} ${render.name}`}>
          {isOver(render) ? 'Delete' : 'Cancel'}
        </button>
      </span>
    </li>
  );
}

function songOf(render: Render): { id: string; name: string } | null {
  return render.song ? { id: render.song, name: render.name } : null;
}
