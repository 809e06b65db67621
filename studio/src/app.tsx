/** The page: head, timeline, the parts as tabs in the order of the work, and the preview beside them where it is wide. */

import { computed, signal } from '@preact/signals';
import type { ComponentChild } from 'preact';

import { hasKey, keyWanted, online, useKey } from './api/client';
import { announcement } from './controls/announce';
import { keepError } from './document/store';
import { Header } from './header';
import { BeatsPart } from './parts/beats';
import { CurvePart } from './parts/curve';
import { LookPart } from './parts/look/look';
import { ModelsPart } from './parts/models';
import { MotionPart } from './parts/motion/motion';
import { Preview } from './parts/preview';
import { RenderPart } from './parts/render';
import { SongPart } from './parts/song';
import { caller } from './schema';
import { hovering } from './shortcuts';
import { song } from './song/song';
import { Timeline } from './timeline/timeline';

interface Part {
  name: string;
  title: string;
  body: () => ComponentChild;
}

const PARTS: readonly Part[] = [
  { name: 'song', title: 'Song', body: SongPart },
  { name: 'curve', title: 'Curve', body: CurvePart },
  { name: 'beats', title: 'Beats', body: BeatsPart },
  { name: 'look', title: 'Look', body: LookPart },
  { name: 'motion', title: 'Motion', body: MotionPart },
  { name: 'preview', title: 'Preview', body: Preview },
  { name: 'render', title: 'Render', body: RenderPart },
  { name: 'models', title: 'Models', body: ModelsPart },
];

const PART = 'akma.part';
const wide = signal(false);
const query = matchMedia('(min-width: 1200px)');
const chosen = signal(kept());

wide.value = query.matches;
query.addEventListener('change', () => (wide.value = query.matches));

const parts = computed(() =>
  PARTS.filter(({ name }) => (name !== 'preview' || !wide.value) && (name !== 'models' || caller.value?.role === 'admin')),
);
const part = computed(() => parts.value.find(({ name }) => name === chosen.value) ?? (PARTS[0] as Part));

export function show(name: string): void {
  chosen.value = name;
  try {
    sessionStorage.setItem(PART, name);
  } catch {
    // A reload begins with the song then.
  }
}

function kept(): string {
  try {
    return sessionStorage.getItem(PART) ?? 'song';
  } catch {
    return 'song';
  }
}

export function App(): ComponentChild {
  const Body = part.value.body;
  return (
    <>
      <Header />
      {!online.value && (
        <p class="banner" role="alert">
          The service does not answer. Nothing is lost: the page goes on when it is back.
        </p>
      )}
      {keepError.value && (
        <p class="banner" role="alert">
          {keepError.value}
        </p>
      )}
      {keyWanted.value && <KeyForm />}
      <main>
        <Timeline />
        <div class={wide.value ? 'work beside' : 'work'}>
          <div class="parts">
            <Tabs />
            <div class="part" role="tabpanel" id="part" aria-labelledby={`tab-${part.value.name}`}>
              <Body />
              <Next />
            </div>
          </div>
          {wide.value && (
            <aside>
              <Preview />
            </aside>
          )}
        </div>
      </main>
      {hovering.value && (
        <div class="hover" aria-hidden="true">
          Let go: a song, a document, or a network
        </div>
      )}
      <p class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </p>
    </>
  );
}

function Tabs(): ComponentChild {
  const press = (event: KeyboardEvent): void => {
    const list = parts.value;
    const at = list.indexOf(part.value);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: list.length - 1 }[event.key];
    const next = to === undefined ? undefined : list[(to + list.length) % list.length];
    if (!next) return;
    event.preventDefault();
    show(next.name);
    document.getElementById(`tab-${next.name}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Parts of the work" onKeyDown={press}>
      {parts.value.map(({ name, title }) => {
        const selected = name === part.value.name;
        return (
          <button key={name} type="button" role="tab" id={`tab-${name}`} aria-controls="part" aria-selected={selected} tabIndex={selected ? 0 : -1} onClick={() => show(name)}>
            {title}
          </button>
        );
      })}
    </div>
  );
}

/** What comes next in the order of the work; networks are no step of it. */
function Next(): ComponentChild {
  const steps = parts.value.filter(({ name }) => name !== 'models');
  const next = steps[steps.indexOf(part.value) + 1];
  if (!next || !song.value || part.value.name === 'models') return null;
  return (
    <p class="next">
      <button
        type="button"
        onClick={() => {
          show(next.name);
          document.getElementById(`tab-${next.name}`)?.focus();
        }}
      >
        Next: {next.title}
      </button>
    </p>
  );
}

function KeyForm(): ComponentChild {
  return (
    <form
      class="banner"
      onSubmit={(event) => {
        event.preventDefault();
        useKey(String(new FormData(event.currentTarget).get('key') ?? '').trim());
        location.reload();
      }}
    >
      <label>
        {hasKey() ? 'The service does not know this API key: give another' : 'This service wants an API key'}
        <input type="password" name="key" autocomplete="off" required />
      </label>
      <button type="submit" class="main">
        Go on
      </button>
    </form>
  );
}
