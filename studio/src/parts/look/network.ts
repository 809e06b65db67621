/** The chosen network, and which walk a click on a seed goes to. */

import { signal } from '@preact/signals';

import { settings } from '../../document/store';
import { defaults } from '../../schema';
import type { Walk } from '../../seeds';

/** The walk that a click on a seed goes to; the other button goes to the other one. */
export const target = signal<Walk>('seeds_top');

export const chosenModel = (): string => String(settings.value['model'] ?? defaults.value['model'] ?? '');

export function seedPath(model: string, seed: number, size = 128): string {
  return `/v1/models/${encodeURIComponent(model)}/seeds/${seed}.jpg?size=${size}`;
}
