/** Part 4, the look: the network, and the seeds that the two walks go through. */

import type { ComponentChild } from 'preact';

import type { Model } from '../../api/types';
import { Setting } from '../../controls/field';
import { Picture } from '../../controls/picture';
import { change } from '../../document/store';
import { models } from '../../schema';
import { WALKS } from '../../seeds';
import { chosenModel, seedPath } from './network';
import { Wall } from './wall';
import { WalkList } from './walk';

export function LookPart(): ComponentChild {
  return (
    <div class="look">
      <div class="part-head">
        <h2>Network</h2>
        <span class="muted">a trained model that draws pictures; each number it is given, a seed, is a picture of its own</span>
      </div>
      <div class="cards networks" role="radiogroup" aria-label="Network">
        {models.value.map((model) => (
          <Card key={model.name} model={model} />
        ))}
      </div>
      <p class="muted">
        A walk is the way from seed to seed. The video shows the quiet walk where the song is quiet, the loud walk where it is loud, and between
        them a blend of both.
      </p>
      <div class="walks">
        {WALKS.map((walk) => (
          <WalkList key={walk.name} walk={walk.name} title={walk.title} />
        ))}
      </div>
      <div class="settings">
        <Setting name="seed" />
        {(models.value.find(({ name }) => name === chosenModel())?.classes ?? 0) > 0 && <Setting name="class" />}
      </div>
      <Wall />
    </div>
  );
}

function Card({ model }: { model: Model }): ComponentChild {
  const chosen = chosenModel() === model.name;
  return (
    <label class={`card ${chosen ? 'chosen' : ''}`}>
      <input type="radio" name="model" class="unseen" checked={chosen} onChange={() => change({ model: model.name })} />
      <span class="sheet" aria-hidden="true">
        {[0, 1, 2, 3].map((seed) => (
          <Picture key={seed} path={seedPath(model.name, seed, 96)} label="" first />
        ))}
      </span>
      <span class="card-name">{model.name}</span>
      <span class="muted">
        {model.width} × {model.height}
        {model.classes ? `, ${model.classes} classes` : ''}
      </span>
      {model.licence && <span class="muted small">{model.licence}</span>}
    </label>
  );
}
