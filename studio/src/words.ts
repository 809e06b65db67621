/** Rows and curves in plain words, which the service has: GET /v1/settings. */

import type { RowKey } from './api/types';
import { ALL, parse, type Row } from './rows';
import { features, rowKeys, targets } from './schema';

/** A plain word and, where it is another, the term of the row's text: Kick drum (kick). */
export function withTerm(title: string, term: string): string {
  return title.toLowerCase() === term ? title : `${title} (${term})`;
}

/** Keys that go with the row's feature and target. */
export function fittingKeys(row: Row): RowKey[] {
  const kind = features.value.find(({ name }) => name === row.feature)?.kind;
  return rowKeys.value.filter(
    (key) =>
      (!key.kind || !kind || key.kind === kind) &&
      (!key.targets.length || key.targets.includes(row.target)) &&
      (!key.features.length || key.features.includes(row.feature)),
  );
}

/** What a row does, and how: ["Kick drum → Pull towards another picture, large forms", "0.5 of the way, fall 0.25 s"]. */
export function inWords(row: Row): [string, string] {
  const target = targets.value.find(({ name }) => name === row.target);
  const about = target?.choices.find(({ name }) => name === (row.about || ALL))?.title ?? row.about;
  const amount = `${row.amount ?? target?.amount ?? ''} ${target?.unit ?? ''}`.trim();
  return [`${heard(row)} → ${target?.title ?? row.target}${about && `, ${about}`}`, [amount, ...keysInWords(row)].filter(Boolean).join(', ')];
}

/** What is heard, of which stem. */
function heard(row: Row): string {
  const title = features.value.find(({ name }) => name === row.feature)?.title ?? row.feature;
  return row.source ? `${title} of ${row.source}` : title;
}

function keysInWords(row: Row): string[] {
  const known = fittingKeys(row);
  return row.keys.map(([name, value]) => {
    const key = known.find((each) => each.name === name);
    return `${key?.title.toLowerCase() ?? name} ${value} ${key?.unit ?? ''}`.trim();
  });
}

/** The name of a curve of the analysis, which is the left of its row with its shape, in words. */
export function curveInWords(column: string): string {
  const [left, ...words] = column.split(' ');
  const row = parse(`${left} -> psi ${words.join(' ')}`);
  return row ? [heard(row), ...keysInWords(row)].join(', ') : column;
}
