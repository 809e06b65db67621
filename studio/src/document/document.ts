/** The one thing that the page edits: which song, and the settings of its render as the API takes them. */

import type { Json, Settings } from '../api/types';

export interface SongReference {
  id: string;
  name: string;
}

/** `settings` holds only what differs from the defaults. Frozen: an edit makes a new one. */
export interface Document {
  readonly song: SongReference | null;
  readonly settings: Settings;
}

export const EMPTY: Document = { song: null, settings: {} };
const MAX_TEXT = 16 << 20;

/** The document with a setting changed; `undefined` gives the default back. */
export function withSetting(document: Document, name: string, value: Json | undefined): Document {
  return withSettings(document, { [name]: value });
}

export function withSettings(document: Document, changes: Record<string, Json | undefined>): Document {
  const all = Object.entries({ ...document.settings, ...changes });
  const settings = Object.fromEntries(all.filter((entry): entry is [string, Json] => entry[1] !== undefined));
  return { ...document, settings };
}

export function write(document: Document): string {
  return `${JSON.stringify({ akma: 'document', ...document }, null, 1)}\n`;
}

/** The document that a file's text says: one of ours, a manifest, a render as the API shows it, or bare settings. */
export function read(text: string): Document {
  if (text.length > MAX_TEXT) throw new Error('this file is too large to be a document');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('this file is no JSON: open a document, or the manifest of a render');
  }
  if (!isObject(value)) throw new Error('this file is no document: it should hold a JSON object');
  if (value['akma'] === 'manifest' && isObject(value['plan'])) return ofManifest(value['plan']);
  const settings = isObject(value['settings']) ? value['settings'] : value;
  if ('settings' in value && !isObject(value['settings'])) throw new Error('the settings of this file are no object');
  return { song: songOf(value['song']), settings: withoutNulls(settings as Settings) };
}

function ofManifest(plan: Record<string, unknown>): Document {
  const audio = isObject(plan['audio']) ? plan['audio'] : {};
  const settings = isObject(plan['settings']) ? (plan['settings'] as Settings) : {};
  const name = typeof audio['name'] === 'string' ? audio['name'] : 'song of the manifest';
  return { song: songOf({ id: audio['sha256'], name }), settings: withoutNulls(settings) };
}

function songOf(value: unknown): SongReference | null {
  if (!isObject(value) || typeof value['id'] !== 'string' || !/^[0-9a-f]{64}$/.test(value['id'])) return null;
  return { id: value['id'], name: typeof value['name'] === 'string' ? value['name'].slice(0, 200) : 'song' };
}

/** A null says "the default", which a document says by leaving the setting out. */
export function withoutNulls(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));
}

/** Settings without those that are the default already; what `render.settings` and manifests spell out. */
export function withoutDefaults(settings: Settings, defaults: Settings): Settings {
  const differs = ([name, value]: [string, Json]): boolean =>
    value !== null && JSON.stringify(value) !== JSON.stringify(defaults[name] ?? null);
  return Object.fromEntries(Object.entries(settings).filter(differs));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
