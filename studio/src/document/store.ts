/** The document that is open, its undo steps, and its copy in this browser, which a reload begins with. */

import { computed, effect, signal } from '@preact/signals';

import type { Json, Settings } from '../api/types';
import { EMPTY, read, withSettings, write, type Document, type SongReference } from './document';
import { begin, commit, redo as forward, undo as back, type History } from './history';

const KEPT = 'akma.document';
const history = signal<History<Document>>(begin(kept()));

export const document_ = computed(() => history.value.present);
export const settings = computed<Settings>(() => document_.value.settings);
export const canUndo = computed(() => history.value.past.length > 0);
export const canRedo = computed(() => history.value.future.length > 0);
/** Why the document is not kept in this browser; null where it is. */
export const keepError = signal<string | null>(null);

export function edit(document: Document, about: string): void {
  history.value = commit(history.value, document, about, Date.now());
}

/** Change settings; `undefined` gives a default back. Edits about the same thing in quick succession are one step. */
export function change(changes: Record<string, Json | undefined>, about = Object.keys(changes).join()): void {
  edit(withSettings(document_.value, changes), about);
}

export function chooseSong(song: SongReference): void {
  if (song.id === document_.value.song?.id) return;
  // Hits are moments of one song: another song is analysed anew. Everything else goes on to it.
  edit(withSettings({ ...document_.value, song }, { hits: undefined, start: undefined, duration: undefined }), 'song');
}

export function undo(): void {
  history.value = back(history.value);
}

export function redo(): void {
  history.value = forward(history.value);
}

function kept(): Document {
  try {
    const text = localStorage.getItem(KEPT);
    return text ? read(text) : EMPTY;
  } catch {
    return EMPTY;
  }
}

effect(() => {
  const text = write(document_.value);
  try {
    localStorage.setItem(KEPT, text);
    keepError.value = null;
  } catch {
    keepError.value = 'this browser keeps nothing for the page: download the document before you close it';
  }
});
