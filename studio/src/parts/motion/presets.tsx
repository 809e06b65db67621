/** The presets as cards: what each does, in words and on a strip of its frames. */

import type { ComponentChild } from 'preact';

import { presets } from '../../schema';

export function Presets({ chosen, choose }: { chosen: string; choose: (name: string) => void }): ComponentChild {
  return (
    <div class="cards presets" role="radiogroup" aria-label="Preset">
      {presets.value.map(({ name, description }) => (
        <label key={name} class={`card preset ${name === chosen ? 'chosen' : ''}`}>
          <input type="radio" name="preset" class="unseen" checked={name === chosen} onChange={() => choose(name)} />
          <span class="card-name">{name}</span>
          <span class="muted small">{description}</span>
        </label>
      ))}
    </div>
  );
}
