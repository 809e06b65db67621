/** Lists of seeds: what a walk is made of. */

import { signal } from '@preact/signals';

import type { Json } from './api/types';

export type Walk = 'seeds_top' | 'seeds_bottom';
export const WALKS: readonly { name: Walk; title: string }[] = [
  { name: 'seeds_top', title: 'Loud walk' },
  { name: 'seeds_bottom', title: 'Quiet walk' },
];
export const LEAST = 4;

const FAVOURITES = 'akma.favourites';

/** Seeds of a setting, which may also be text such as "3,14,15-18". */
export function seedsOf(value: Json | undefined): number[] {
  if (Array.isArray(value)) return value.filter((each): each is number => typeof each === 'number');
  if (typeof value !== 'string') return [];
  return value.split(/[,\s]+/).flatMap((part) => {
    const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part);
    if (!match) return [];
    const first = Number(match[1]);
    const last = Math.min(Number(match[2] ?? first), first + 9999);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  });
}

export function toggled(seeds: readonly number[], seed: number): number[] {
  return seeds.includes(seed) ? seeds.filter((each) => each !== seed) : [...seeds, seed];
}

/** The list with the seed at `from` put where `to` is. */
export function moved(seeds: readonly number[], from: number, to: number): number[] {
  const left = seeds.filter((_, index) => index !== from);
  const seed = seeds[from];
  if (seed === undefined) return [...seeds];
  left.splice(Math.min(Math.max(0, to), left.length), 0, seed);
  return left;
}

/** Favourites of this browser, by network. */
export const favourites = signal<Record<string, number[]>>(load());

export function toggleFavourite(model: string, seed: number): void {
  favourites.value = { ...favourites.value, [model]: toggled(favourites.value[model] ?? [], seed) };
  try {
    localStorage.setItem(FAVOURITES, JSON.stringify(favourites.value));
  } catch {
    // They last as long as the page then.
  }
}

function load(): Record<string, number[]> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(FAVOURITES) ?? '{}');
    return typeof found === 'object' && found ? (found as Record<string, number[]>) : {};
  } catch {
    return {};
  }
}
