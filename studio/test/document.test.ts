import { expect, test } from 'vitest';

import { EMPTY, read, withoutDefaults, withSetting, write } from '../src/document/document';
import { fromFragment, toFragment } from '../src/document/link';

const SONG = { id: 'a'.repeat(64), name: 'ünder <b>water</b>.flac' };

test('a document survives its file and its link', async () => {
  const document = withSetting({ ...EMPTY, song: SONG }, 'hits', [{ time: 1.5, strength: 0.5 }]);
  expect(read(write(document))).toEqual(document);
  expect(await fromFragment(await toFragment(document))).toEqual(document);
});

test('the default is a setting that is not there', () => {
  const document = withSetting(withSetting(EMPTY, 'strength', 0.5), 'strength', undefined);
  expect(document.settings).toEqual({});
  expect(withoutDefaults({ fps: '30', strength: 2, size: null }, { fps: '30', strength: 1, size: null })).toEqual({ strength: 2 });
});

test('a manifest is a document', () => {
  const plan = { settings: { preset: 'club', size: null, seeds_top: [1, 2, 3, 4] }, audio: { sha256: SONG.id } };
  const { song, settings } = read(JSON.stringify({ akma: 'manifest', plan }));
  expect(song?.id).toBe(SONG.id);
  expect(settings).toEqual({ preset: 'club', seeds_top: [1, 2, 3, 4] });
});

test.each(['', '[]', '3', '{"settings": 3}', 'x'.repeat(100)])('%j is refused in one line', (text) => {
  expect(() => read(text)).toThrow(/^[^\n]+$/);
});

test('a damaged link is said to be damaged, and no link is none', async () => {
  expect(await fromFragment('#top')).toBeNull();
  await expect(fromFragment('#d=AAAA')).rejects.toThrow('damaged');
});

test('a song that is none is left out', () => {
  expect(read('{"song": {"id": "../x"}, "settings": {}}').song).toBeNull();
});
