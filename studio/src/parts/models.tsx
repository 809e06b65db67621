/** Part 8, the networks: an administrator brings one. */

import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';

import { messageOf } from '../api/client';
import type { Model } from '../api/types';
import { upload } from '../api/upload';
import { announce } from '../controls/announce';
import { Fault } from '../controls/fault';
import { Picture } from '../controls/picture';
import { change } from '../document/store';
import { loadModels, models } from '../schema';
import { seedPath } from './look/network';

export const modelFile = signal<File | null>(null);
const sent = signal<number | null>(null);
const error = signal<string | null>(null);
const fresh = signal<string | null>(null);

/** True for files that are networks, not songs. */
export function isNetwork(file: File): boolean {
  return /\.(pkl|pt|pth|safetensors)$/i.test(file.name);
}

export function ModelsPart(): ComponentChild {
  return (
    <div class="columns">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const word = (name: string): string => String(form.get(name) ?? '');
          void bring({ name: word('name'), licence: word('licence'), note: word('note') });
        }}
      >
        <h2>Bring a network</h2>
        <p class="help">A StyleGAN2 or StyleGAN3 file. It is read as data; nothing in it is run. Drop it anywhere, or choose it.</p>
        <label class="stacked">
          File
          <input type="file" accept=".pkl,.pt,.pth,.safetensors" onChange={(event) => (modelFile.value = event.currentTarget.files?.[0] ?? null)} />
        </label>
        {modelFile.value && <p class="muted">{modelFile.value.name}</p>}
        {['name', 'licence', 'note'].map((name) => (
          <label key={name} class="stacked">
            {name}
            <input type="text" name={name} autocomplete="off" />
          </label>
        ))}
        <button type="submit" class="main" disabled={!modelFile.value || sent.value !== null}>
          Bring it in
        </button>
        {sent.value !== null && (
          <label class="progress-line">
            {sent.value < 1 ? 'Sending' : 'Reading the network…'}
            <progress value={sent.value < 1 ? sent.value : undefined} max={1} />
          </label>
        )}
        <Fault text={error.value} />
      </form>
      <div>
        <h2>Networks of this service</h2>
        <ul class="list models">
          {models.value.map((model) => (
            <li key={model.name} class={fresh.value === model.name ? 'chosen' : ''}>
              <span class="sheet">
                {[0, 1, 2, 3].map((seed) => (
                  <Picture key={seed} path={seedPath(model.name, seed, 96)} label={`${model.name}, seed ${seed}`} />
                ))}
              </span>
              <span class="what">
                <span class="name">{model.name}</span>
                <span class="muted small">
                  {model.kind}, {model.width} × {model.height}
                  {model.built_in ? ', built in' : ''}
                </span>
                <span class="muted small">{model.licence}</span>
              </span>
              <button type="button" onClick={() => change({ model: model.name })} aria-label={`Use ${model.name}`}>
                Use
              </button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

async function bring(words: Record<string, string>): Promise<void> {
  const file = modelFile.value;
  if (!file) return;
  sent.value = 0;
  error.value = null;
  try {
    const model = await upload<Model>('/v1/models', 'file', file, words, (share) => (sent.value = share));
    modelFile.value = null;
    fresh.value = model.name;
    announce(`${model.name} is there`);
    await loadModels();
  } catch (failure) {
    error.value = messageOf(failure);
  }
  sent.value = null;
}
