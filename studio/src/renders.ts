/** One's renders: submitted, followed while they run, listed, cancelled, deleted. */

import { signal } from '@preact/signals';

import { get, lost, messageOf, onReturn, online, postJson, request } from './api/client';
import type { Estimate, Render, Settings, Status } from './api/types';
import { announce } from './controls/announce';
import { plural, span } from './format';

const EVERY = 3000; // milliseconds between looks at the list while something runs

/** The render that is watched. */
export const watched = signal<Render | null>(null);
export const renders = signal<Render[]>([]);
export const cursor = signal<string | null>(null);
export const filter = signal<Status | ''>('');
export const renderError = signal<string | null>(null);

let events: EventSource | null = null;
let timer = 0;

export const isOver = (render: Render): boolean => !['queued', 'running'].includes(render.status);

/** Submit the settings; again with the same `key` is the same render. */
export async function submit(song: string, settings: Settings, key: string): Promise<void> {
  renderError.value = null;
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key };
  try {
    const response = await request('/v1/renders', { method: 'POST', headers, body: JSON.stringify({ song, settings }) });
    watch((await response.json()) as Render);
    announce('The render is accepted');
    void loadRenders();
  } catch (error) {
    renderError.value = messageOf(error);
    throw error;
  }
}

/** Follow a render until it is over. EventSource connects again by itself; the service may have been away. */
export function watch(render: Render): void {
  events?.close();
  watched.value = render;
  if (isOver(render)) return;
  const source = (events = new EventSource(render.links.events));
  const update = (event: MessageEvent<string>): void => {
    online.value = true;
    const before = watched.value;
    if (!before || before.id !== render.id) return;
    const now = { ...before, ...(JSON.parse(event.data) as Partial<Render>) };
    watched.value = now;
    if (isOver(now)) {
      source.close();
      announce(`The render is ${now.status}`);
      void refresh(now.id);
    }
  };
  for (const name of ['progress', 'done', 'failed', 'cancelled']) source.addEventListener(name, update);
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED && watched.value?.id === render.id) lost();
  };
}

async function refresh(id: string): Promise<void> {
  try {
    const now = await get<Render>(`/v1/renders/${id}`);
    if (watched.value?.id === id) watched.value = now;
  } catch {
    // The list says what became of it.
  }
  await loadRenders();
}

export async function loadRenders(more = false): Promise<void> {
  const query = new URLSearchParams({ limit: '12' });
  if (filter.value) query.set('status', filter.value);
  if (more && cursor.value) query.set('cursor', cursor.value);
  try {
    const page = await get<{ renders: Render[]; cursor: string | null }>(`/v1/renders?${query}`);
    renders.value = more ? [...renders.value, ...page.renders] : page.renders;
    cursor.value = page.cursor;
  } catch (error) {
    if (online.value) renderError.value = messageOf(error);
  }
  clearTimeout(timer);
  if (renders.value.some((each) => !isOver(each))) timer = window.setTimeout(() => void loadRenders(), EVERY);
}

/** Cancel a render that runs, or delete one that is over. */
export async function remove(render: Render): Promise<void> {
  try {
    await request(render.links.self, { method: 'DELETE' });
    announce(isOver(render) ? 'The render is deleted' : 'The render is cancelled');
  } catch (error) {
    renderError.value = messageOf(error);
  }
  if (watched.value?.id === render.id && isOver(render)) watched.value = null;
  await loadRenders();
}

/** What a render takes on this service, in words. */
export async function estimate(song: string, settings: Settings): Promise<string> {
  const { frames, seconds, device, waiting } = await postJson<Estimate>('/v1/renders/estimate', { song, settings });
  const first = waiting > 0 ? `; ${span(waiting)} of other video come first` : '';
  return `${plural(frames, 'frame')}, about ${span(seconds)} on this service (${device})${first}`;
}

export function stateOf(render: Render): string {
  if (render.status === 'queued') return render.queue_position ? `waits behind ${plural(render.queue_position, 'render')}` : 'waits';
  return render.status;
}

export function followRenders(): void {
  void loadRenders();
  onReturn(() => {
    void loadRenders();
    const now = watched.value;
    if (now && !isOver(now)) void get<Render>(`/v1/renders/${now.id}`).then(watch, () => undefined);
  });
}
