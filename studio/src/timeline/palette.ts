/** Colours of the drawing, from the style sheet, so that a light system has light drawings. */

import { signal } from '@preact/signals';

export interface Palette {
  wave: string;
  waveDim: string;
  curve: string;
  hit: string;
  hitEdited: string;
  selected: string;
  text: string;
  line: string;
  region: string;
  beat: string;
  others: string[];
  sections: string[];
}

export const palette = signal<Palette>(read());

matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => (palette.value = read()));

/** Read the style sheet again, once it is there. */
export function refresh(): void {
  palette.value = read();
}

function read(): Palette {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim() || '#888';
  const many = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => of(`${name}-${index + 1}`));
  return {
    wave: of('wave'),
    waveDim: of('wave-dim'),
    curve: of('accent'),
    hit: of('hit'),
    hitEdited: of('accent'),
    selected: of('text'),
    text: of('muted'),
    line: of('line'),
    region: of('region'),
    beat: of('line-strong'),
    others: many('curve', 5),
    sections: many('section', 6),
  };
}
