/** The chosen network, and which walk a click on a seed goes to. */

import { signal } from '@preact/signals';

import { settings } from '../../document/store';
import { defaults, models } from '../../schema';
import type { Walk } from '../../seeds';

/** The walk that a click on a seed goes to; the other button goes to the other one. */
export const target = signal<Walk>('seeds_top');

export const chosenModel = (): string => String(settings.value['model'] ?? defaults.value['model'] ?? '');

/** The picture of a seed. With the network's digest in the path it is the same for ever, and kept by the browser. */
export function seedPath(model: string, seed: number, size = 128): string {
  const digest = models.value.find(({ name }) => name === model)?.digest.slice(0, 16) ?? '';
  return `/v1/models/${encodeURIComponent(model)}/seeds/${seed}.jpg?size=${size}&v=${digest}`;
}
