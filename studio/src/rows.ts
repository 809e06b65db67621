/** The one-line form of a row of the modulation: FEATURE[@SOURCE] -> TARGET[:ABOUT] [AMOUNT] [key=value ...].
 *
 * Only taken apart and put together: what may stand where, the service says.
 */

import { isObject } from './document/document';

export interface Row {
  feature: string;
  source: string;
  target: string;
  about: string;
  amount: number | null;
  /** In the order of the line; a flag alone has the value ''. */
  keys: [string, string][];
}

/** After a target's colon: the whole picture, which a line leaves out. */
export const ALL = 'all';

const LINE = /^\s*([^\s@>]+)(?:@(\S+))?\s*->\s*([a-z.]+)(?::(\S+))?((?:\s+\S+)*)\s*$/;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** The row of a line; null where it is none. */
export function parse(line: string): Row | null {
  const match = LINE.exec(line);
  if (!match) return null;
  const words = (match[5] ?? '').split(/\s+/).filter(Boolean);
  const amount = words[0] && NUMBER.test(words[0]) ? Number(words.shift()) : null;
  const keys = words.map((word): [string, string] => {
    const at = word.indexOf('=');
    return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
  });
  return { feature: match[1] ?? '', source: match[2] ?? '', target: match[3] ?? '', about: match[4] ?? '', amount, keys };
}

export function line(row: Row): string {
  const left = row.feature + (row.source && `@${row.source}`);
  const right = row.target + (row.about && `:${row.about}`);
  const words = row.keys.map(([key, value]) => (value === '' ? key : `${key}=${value}`));
  return [`${left} -> ${right}`, ...(row.amount === null ? [] : [String(row.amount)]), ...words].join(' ');
}

export function valueOf(row: Row, key: string): string {
  return row.keys.find(([name]) => name === key)?.[1] ?? '';
}

/** The row with a key set; an empty value takes it out. */
export function withKey(row: Row, key: string, value: string): Row {
  if (value === '') return { ...row, keys: row.keys.filter(([name]) => name !== key) };
  if (!has(row, key)) return { ...row, keys: [...row.keys, [key, value]] };
  return { ...row, keys: row.keys.map(([name, old]) => [name, name === key ? value : old]) };
}

export function has(row: Row, key: string): boolean {
  return row.keys.some(([name]) => name === key);
}

/** The row with or without a flag, which stands alone. */
export function withFlag(row: Row, key: string, on: boolean): Row {
  const others = row.keys.filter(([name]) => name !== key);
  return { ...row, keys: on ? [...others, [key, '']] : others };
}

/** Rows of a setting: lines; an object, as JSON also allows, as its line. */
export function lines(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.map((each: unknown) => (typeof each === 'string' ? each : isObject(each) ? ofObject(each) : String(each)));
}

function ofObject(given: Record<string, unknown>): string {
  const { feature, source, target, amount, rows, direction, shape, ...others } = given;
  const about = rows === 'all' ? undefined : (rows ?? direction ?? others['class']);
  delete others['class'];
  const keys = Object.entries({ ...others, ...(isObject(shape) ? shape : {}) });
  return line({
    feature: String(feature),
    source: source && source !== 'mix' ? String(source) : '',
    target: String(target),
    about: about === undefined ? '' : String(about),
    amount: typeof amount === 'number' ? amount : null,
    keys: keys.filter(([, value]) => value !== null && value !== false).map(([key, value]) => [key, value === true ? '' : String(value)]),
  });
}
