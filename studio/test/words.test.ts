import { beforeEach, expect, test } from 'vitest';

import type { Feature, RowKey, Target } from '../src/api/types';
import { parse, type Row } from '../src/rows';
import { features, rowKeys, targets } from '../src/schema';
import { curveInWords, fittingKeys, inWords, withTerm } from '../src/words';

const key = (name: string, title: string, more: Partial<RowKey> = {}): RowKey => ({
  ...{ name, title, text: '', unit: '', form: 'number', kind: null, targets: [], features: [] },
  ...{ step: null, minimum: null, maximum: null, default: null },
  ...more,
});
const row = (text: string): Row => parse(text) as Row;

beforeEach(() => {
  features.value = [
    { name: 'kick', title: 'Kick drum', kind: 'events', text: '' },
    { name: 'loudness', title: 'Loudness', kind: 'curve', text: '' },
  ] satisfies Feature[];
  const plain = { text: '', rows: false, strength: false, range: [0, 1] as [number, number] };
  targets.value = [
    { ...plain, name: 'pull', title: 'Pull', unit: 'of the way', kind: 'events', amount: 0.3, choices: [{ name: 'all', title: 'the whole picture' }, { name: 'coarse', title: 'large forms' }] },
    { ...plain, name: 'psi', title: 'Distance', unit: '', kind: null, amount: 1, choices: [] },
  ] satisfies Target[];
  rowKeys.value = [
    key('release', 'Fall', { kind: 'curve', unit: 's' }),
    key('decay', 'Fall', { kind: 'events', unit: 's', targets: ['pull'] }),
    key('window', 'Smoothing', { kind: 'curve', unit: 'frames' }),
    key('band', 'Band', { kind: 'curve', features: ['loudness'] }),
    key('delay', 'Delay', { unit: 's' }),
  ];
});

test('a term stands beside its word where it is another', () => {
  expect(withTerm('Kick drum', 'kick')).toBe('Kick drum (kick)');
  expect(withTerm('Loudness', 'loudness')).toBe('Loudness');
});

test('a row in words', () => {
  expect(inWords(row('kick -> pull:coarse 0.4 decay=0.25'))).toEqual(['Kick drum → Pull, large forms', '0.4 of the way, fall 0.25 s']);
  expect(inWords(row('kick -> pull'))).toEqual(['Kick drum → Pull, the whole picture', '0.3 of the way']);
  expect(inWords(row('file:light@drums -> unknown:3 gap=0.1'))).toEqual(['file:light of drums → unknown, 3', 'gap 0.1']);
});

test('keys fit the feature and the target', () => {
  const names = (text: string): string[] => fittingKeys(row(text)).map(({ name }) => name);
  expect(names('kick -> pull')).toEqual(['decay', 'delay']);
  expect(names('loudness -> psi')).toEqual(['release', 'window', 'band', 'delay']);
  expect(names('kick -> psi')).toEqual(['delay']);
});

test('a curve in words', () => {
  expect(curveInWords('loudness window=99')).toBe('Loudness, smoothing 99 frames');
  expect(curveInWords('kick@drums')).toBe('Kick drum of drums');
  expect(curveInWords('curve')).toBe('curve');
});
