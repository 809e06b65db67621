/** The wall of seeds: without end, and fetched as it comes into view. */

import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { announce } from '../../controls/announce';
import { Picture } from '../../controls/picture';
import { change, settings } from '../../document/store';
import { favourites, seedsOf, toggled, toggleFavourite, WALKS, type Walk } from '../../seeds';
import { chosenModel, seedPath, target } from './network';

const MORE = 48;
const count = signal(MORE);
const first = signal(0);
const onlyFavourites = signal(false);

export function Wall(): ComponentChild {
  const end = useRef<HTMLDivElement>(null);
  const model = chosenModel();
  const favoured = favourites.value[model] ?? [];
  const seeds = onlyFavourites.value ? favoured : Array.from({ length: count.value }, (_, index) => first.value + index);
  useEffect(() => {
    const watch = new IntersectionObserver(([entry]) => entry?.isIntersecting && (count.value += MORE), { rootMargin: '300px' });
    if (end.current) watch.observe(end.current);
    return () => watch.disconnect();
  }, [count.value, onlyFavourites.value]);
  return (
    <section aria-label="Wall of seeds">
      <div class="part-head">
        <h2>Seeds</h2>
        <fieldset class="switch">
          <legend class="unseen">A click puts a seed on</legend>
          {WALKS.map(({ name, title }) => (
            <label key={name} class={target.value === name ? 'chosen' : ''}>
              <input type="radio" class="unseen" name="walk" checked={target.value === name} onChange={() => (target.value = name)} />
              {title}
            </label>
          ))}
        </fieldset>
        <label class="inline">
          from
          <input type="number" min={0} step={1} value={first.value} aria-label="First seed of the wall" onChange={(event) => from(Number(event.currentTarget.value))} />
        </label>
        <label class="inline">
          <input type="checkbox" checked={onlyFavourites.value} onChange={(event) => (onlyFavourites.value = event.currentTarget.checked)} />
          favourites only
        </label>
        <span class="muted wide-only">the other mouse button puts it on the other walk</span>
      </div>
      <div class="wall">
        {seeds.map((seed) => (
          <Tile key={seed} seed={seed} model={model} favoured={favoured.includes(seed)} />
        ))}
        {!seeds.length && <p class="help">The star on a seed makes it a favourite.</p>}
      </div>
      {!onlyFavourites.value && <div ref={end} class="wall-end" />}
    </section>
  );
}

function Tile({ seed, model, favoured }: { seed: number; model: string; favoured: boolean }): ComponentChild {
  const on = WALKS.filter(({ name }) => seedsOf(settings.value[name]).includes(seed));
  const put = (walk: Walk): void => {
    const seeds = toggled(seedsOf(settings.value[walk]), seed);
    change({ [walk]: seeds.length ? seeds : undefined, [`${walk}_num`]: undefined }, `${walk} ${seed} ${Date.now()}`);
    const title = WALKS.find(({ name }) => name === walk)?.title.toLowerCase() ?? '';
    announce(`Seed ${seed} is ${seeds.includes(seed) ? 'on' : 'off'} the ${title}`);
  };
  const other = target.value === 'seeds_top' ? 'seeds_bottom' : 'seeds_top';
  return (
    <div class={`tile ${on.map(({ name }) => name).join(' ')}`}>
      <button
        type="button"
        class="seed"
        aria-pressed={on.some(({ name }) => name === target.value)}
        aria-label={`Seed ${seed}${on.length ? `, on the ${on.map(({ title }) => title.toLowerCase()).join(' and the ')}` : ''}`}
        onClick={() => put(target.value)}
        onContextMenu={(event) => {
          event.preventDefault();
          put(other);
        }}
      >
        <Picture path={seedPath(model, seed)} label="" />
        <span>{seed}</span>
      </button>
      <button type="button" class="star" aria-pressed={favoured} aria-label={`Favourite: seed ${seed}`} onClick={() => toggleFavourite(model, seed)}>
        {favoured ? '★' : '☆'}
      </button>
    </div>
  );
}

function from(seed: number): void {
  first.value = Number.isInteger(seed) && seed >= 0 ? Math.min(seed, 2 ** 32 - MORE) : 0;
  count.value = MORE;
}
