/** Documents in and out: files and links. */

import { ApiError, get } from '../api/client';
import type { Song } from '../api/types';
import { announce } from '../controls/announce';
import { defaults } from '../schema';
import { read, withoutDefaults, write, type Document } from './document';
import { fromFragment, toFragment } from './link';
import { document_, edit } from './store';

/** Hand a file of this text to the reader. */
export function download(name: string, data: string | Blob, type = 'application/json'): void {
  const url = URL.createObjectURL(data instanceof Blob ? data : new Blob([data], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function downloadDocument(): void {
  const name = document_.value.song?.name.replace(/\.[^.]*$/, '') ?? 'document';
  download(`${name}.akma.json`, write(document_.value));
}

export async function openFile(file: File): Promise<void> {
  open(read(await file.text()), file.name);
}

export function open(found: Document, name: string): void {
  edit({ song: found.song ?? document_.value.song, settings: withoutDefaults(found.settings, defaults.value) }, 'open');
  announce(`${name} is open`);
}

export async function copyLink(): Promise<void> {
  const url = new URL(location.href);
  url.hash = await toFragment(document_.value);
  await navigator.clipboard.writeText(url.href);
  announce('The link is on the clipboard');
}

/** Open the document of the page's own address, once; the address is plain afterwards. */
export async function openLink(): Promise<void> {
  const found = await fromFragment(location.hash);
  if (!found) return;
  window.history.replaceState(null, '', location.pathname);
  open(found, 'The link');
}

/** The song of a document as the service has it; null where it has it no more. */
export async function findSong(id: string): Promise<Song | null> {
  try {
    return await get<Song>(`/v1/songs/${id}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
