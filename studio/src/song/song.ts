/** The song that the document names, as the service knows it. */

import { effect, signal } from '@preact/signals';

import { ApiError, get, isAbort, messageOf, onReturn } from '../api/client';
import type { Song } from '../api/types';
import { upload } from '../api/upload';
import { announce } from '../controls/announce';
import { chooseSong, document_ } from '../document/store';
import { bytes, clock } from '../format';

export const song = signal<Song | null>(null);
export const songs = signal<Song[]>([]);
export const songError = signal<string | null>(null);
/** Share of the upload that is sent, 0..1; null while none is. */
export const uploading = signal<number | null>(null);

export async function send(file: File): Promise<void> {
  if (uploading.value !== null) return;
  uploading.value = 0;
  songError.value = null;
  announce(`Sending ${file.name}, ${bytes(file.size)}`);
  try {
    const sent = await upload<Song>('/v1/songs', 'audio', file, {}, (share) => (uploading.value = share));
    show(sent);
    void loadSongs();
  } catch (error) {
    songError.value = messageOf(error);
  } finally {
    uploading.value = null;
  }
}

/** Send the demo song, which lies beside the page, as if it had been dropped. */
export async function sendDemo(): Promise<void> {
  try {
    const response = await fetch(`${import.meta.env.BASE_URL}demo-song.m4a`);
    await send(new File([await response.blob()], 'demo-song.m4a', { type: 'audio/mp4' }));
  } catch (error) {
    songError.value = messageOf(error);
  }
}

export function show(found: Song): void {
  song.value = found;
  chooseSong({ id: found.id, name: found.name });
  announce(`${found.name}, ${clock(found.duration)}: ready`);
}

export async function loadSongs(): Promise<void> {
  try {
    songs.value = (await get<{ songs: Song[] }>('/v1/songs')).songs;
  } catch {
    songs.value = []; // the list is a convenience: the song itself says what is wrong
  }
}

async function find(id: string): Promise<void> {
  songError.value = null;
  try {
    const found = await get<Song>(`/v1/songs/${id}`);
    if (document_.value.song?.id === id) song.value = found;
  } catch (error) {
    if (isAbort(error)) return;
    const gone = error instanceof ApiError && error.status === 404;
    songError.value = gone
      ? `the service has ${document_.value.song?.name ?? 'this song'} no more: drop the file again, all else is kept`
      : messageOf(error);
  }
}

/** Follow the document's song from now on. */
export function followSong(): void {
  effect(() => {
    const id = document_.value.song?.id ?? null;
    if (song.peek()?.id === id) return;
    song.value = null;
    if (id) void find(id);
  });
  onReturn(() => {
    const id = document_.value.song?.id;
    if (id) void find(id);
    void loadSongs();
  });
}
