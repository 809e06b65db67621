/** A walk's seeds in their order: drag to reorder, or Alt and arrows; Delete takes one out. */

import type { ComponentChild } from 'preact';
import { useRef } from 'preact/hooks';

import { announce } from '../../controls/announce';
import { Picture } from '../../controls/picture';
import { change, settings } from '../../document/store';
import { LEAST, moved, seedsOf, type Walk } from '../../seeds';
import { faults } from '../../song/analysis';
import { chosenModel, seedPath } from './network';

export function WalkList({ walk, title }: { walk: Walk; title: string }): ComponentChild {
  const seeds = seedsOf(settings.value[walk]);
  const dragged = useRef(-1);
  const set = (to: number[]): void => change({ [walk]: to.length ? to : undefined }, `${walk} ${Date.now()}`);
  const press = (index: number) => (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === 'Delete' || event.key === 'Backspace') {
      set(seeds.filter((_, each) => each !== index));
      announce(`Seed ${seeds[index]} is off the ${title.toLowerCase()}`);
    } else if (by && event.altKey) {
      event.preventDefault();
      set(moved(seeds, index, index + by));
      const list = event.currentTarget instanceof HTMLElement ? event.currentTarget.closest('ol') : null;
      requestAnimationFrame(() => list?.querySelectorAll('button')[index + by]?.focus());
    }
  };
  const drag = (event: PointerEvent): void => {
    if (dragged.current < 0) return;
    const over = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>(`[data-walk="${walk}"]`);
    const to = over ? Number(over.dataset['index']) : -1;
    if (to < 0 || to === dragged.current) return;
    change({ [walk]: moved(seeds, dragged.current, to) }, `drag ${walk}`);
    dragged.current = to;
  };
  const missing = seeds.length > 0 && seeds.length < LEAST ? LEAST - seeds.length : 0;
  return (
    <section class="walk" aria-label={title}>
      <div class="part-head">
        <h3>{title}</h3>
        <span class="muted">{seeds.length ? `${seeds.length} seeds` : 'seeds are drawn by the service'}</span>
        {seeds.length > 0 && (
          <button type="button" class="plain" onClick={() => set([])}>
            clear<span class="unseen"> the {title.toLowerCase()}</span>
          </button>
        )}
      </div>
      {missing > 0 && <p class="note">Choose {missing} more: a walk has at least {LEAST} seeds.</p>}
      {faults.value[walk] && <p class="fault">{faults.value[walk]}</p>}
      <ol class="seeds" onPointerMove={drag} onPointerUp={() => (dragged.current = -1)} onPointerCancel={() => (dragged.current = -1)}>
        {seeds.map((seed, index) => (
          <li key={`${seed}-${seeds.indexOf(seed) === index ? 0 : index}`} data-walk={walk} data-index={index}>
            <button
              type="button"
              class="seed"
              aria-label={`Seed ${seed}, ${index + 1} of ${seeds.length}`}
              aria-description="Alt with arrows moves it, Delete takes it out"
              onPointerDown={() => (dragged.current = index)}
              onKeyDown={press(index)}
              onDblClick={() => set(seeds.filter((_, each) => each !== index))}
            >
              <Picture path={seedPath(chosenModel(), seed)} label="" first />
              <span>{seed}</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
