/** The presets as cards: what each does, in words and on a strip of its frames (scripts/preset_strips.py). */

import type { ComponentChild } from 'preact';

import { presets } from '../../schema';

// Files of their own, fetched as they come into view; a preset of the service's owner has none.
const FILES = import.meta.glob<string>('../../presets/*.webp', { query: '?url', import: 'default', eager: true });
const strips = new Map(Object.entries(FILES).map(([path, url]) => [path.replace(/^.*\/|\.webp$/g, ''), url]));

export function Presets({ chosen, choose }: { chosen: string; choose: (name: string) => void }): ComponentChild {
  return (
    <>
      <p class="help" id="preset-strips">
        Each strip shows two seconds of the demo song, from rest into its first hits (the dots). The bars say how much the picture changes.
      </p>
      <div class="cards presets" role="radiogroup" aria-label="Preset" aria-describedby="preset-strips">
        {presets.value.map(({ name, description }) => (
          <label key={name} class={`card preset ${name === chosen ? 'chosen' : ''}`}>
            <input type="radio" name="preset" class="unseen" checked={name === chosen} onChange={() => choose(name)} />
            {strips.has(name) && <img class="strip" src={strips.get(name)} alt="" width={526} height={90} loading="lazy" />}
            <span class="card-name">{name}</span>
            <span class="muted small">{description}</span>
          </label>
        ))}
      </div>
    </>
  );
}
