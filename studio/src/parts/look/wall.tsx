/** The wall of seeds: without end, and fetched as it comes into view. */

import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { announce } from '../../controls/announce';
import { Picture } from '../../controls/picture';
import { Typed } from '../../controls/typed';
import { change, settings } from '../../document/store';
import { favourites, seedsOf, toggled, toggleFavourite, WALKS, type Walk } from '../../seeds';
import { chosenModel, seedPath, target } from './network';

const MORE = 48;
const count = signal(MORE);
const first = signal(0);
const onlyFavourites = signal(false);
/** The one seed that the Tab key stops at: through a wall without end nobody would come out. */
const focused = signal(0);

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
          <Typed type="number" min={0} step={1} value={first.value} aria-label="First seed of the wall" give={(text) => from(Number(text))} />
        </label>
        <label class="inline">
          <input type="checkbox" checked={onlyFavourites.value} onChange={(event) => (onlyFavourites.value = event.currentTarget.checked)} />
          favourites only
        </label>
        <span class="muted">
          orange: on the loud walk, blue: on the quiet one; a click takes it off again<span class="wide-only">, the other mouse button is for the other walk</span>
        </span>
      </div>
      <div class="wall" role="group" aria-label="Seeds: arrows move, F makes one a favourite, Shift with Enter puts it on the other walk" onKeyDown={move}>
        {seeds.map((seed) => (
          <Tile key={seed} seed={seed} model={model} favoured={favoured.includes(seed)} stop={seed === (seeds.includes(focused.value) ? focused.value : seeds[0])} />
        ))}
        {!seeds.length && <p class="help">The star on a seed makes it a favourite.</p>}
      </div>
      {!onlyFavourites.value && <div ref={end} class="wall-end" />}
    </section>
  );
}

interface TileProps {
  seed: number;
  model: string;
  favoured: boolean;
  /** Whether the Tab key stops here. */
  stop: boolean;
}

function Tile({ seed, model, favoured, stop }: TileProps): ComponentChild {
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
        tabIndex={stop ? 0 : -1}
        data-seed={seed}
        onFocus={() => (focused.value = seed)}
        onClick={() => put(target.value)}
        onKeyDown={(event) => {
          if (event.key.toLowerCase() === 'f') toggleFavourite(model, seed);
          else if (event.key === 'Enter' && event.shiftKey) put(other);
          else return;
          event.preventDefault();
        }}
        onContextMenu={(event) => {
          event.preventDefault();
          put(other);
        }}
      >
        <Picture path={seedPath(model, seed)} label="" />
        <span>{seed}</span>
      </button>
      <button type="button" class="star" tabIndex={-1} aria-pressed={favoured} aria-label={`Favourite: seed ${seed}`} onClick={() => toggleFavourite(model, seed)}>
        {favoured ? '★' : '☆'}
      </button>
    </div>
  );
}

/** Arrows go from seed to seed, up and down by as many as stand in a line. */
function move(event: KeyboardEvent): void {
  const wall = event.currentTarget as HTMLElement;
  const tiles = [...wall.querySelectorAll<HTMLElement>('[data-seed]')];
  const across = getComputedStyle(wall).gridTemplateColumns.split(' ').length;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
  const next = by && tiles[tiles.indexOf(event.target as HTMLElement) + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function from(seed: number): void {
  first.value = Number.isInteger(seed) && seed >= 0 ? Math.min(seed, 2 ** 32 - MORE) : 0;
  count.value = MORE;
}
