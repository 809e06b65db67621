/** A setting as a control: what it is called, its value, its default, its help and what is wrong with it. */

import type { ComponentChild } from 'preact';

import type { Json } from '../api/types';
import { change, settings } from '../document/store';
import { number } from '../format';
import { fields, type Field } from '../schema';
import { faults } from '../song/analysis';
import { POSITIONS, snap, toPosition, toValue } from './scale';
import { Typed } from './typed';

/** The control of the setting of that name; nothing where the service has none. */
export function Setting({ name, choices }: { name: string; choices?: string[] }): ComponentChild {
  const field = fields.value.get(name);
  if (!field) return null;
  const value = settings.value[name] ?? field.default;
  const changed = name in settings.value;
  const fault = faults.value[name];
  const id = `setting-${name}`;
  const set = (to: Json | undefined): void => change({ [name]: to }, name);
  return (
    <div class={`setting ${changed ? 'changed' : ''}`}>
      <div class="setting-head">
        <label for={id}>{field.title}</label>
        {field.unit && <span class="unit">{field.unit}</span>}
        {changed && (
          <button type="button" class="plain reset" onClick={() => set(undefined)} title={`Default: ${shown(field)}`}>
            reset<span class="unseen"> {field.title} to {shown(field)}</span>
          </button>
        )}
      </div>
      {control(field, value, id, set, choices)}
      <p id={`${id}-help`} class={fault ? 'fault' : 'help'} role={fault ? 'alert' : undefined}>
        {fault ?? field.help}
      </p>
    </div>
  );
}

function control(field: Field, value: Json, id: string, set: (to: Json | undefined) => void, choices?: string[]): ComponentChild {
  const described = { id, 'aria-describedby': `${id}-help` };
  const list = choices ?? field.choices;
  if (field.kind === 'truth')
    return <input type="checkbox" {...described} checked={value === true} onChange={(event) => set(event.currentTarget.checked)} />;
  if (list.length)
    return (
      <select {...described} value={String(value ?? '')} onChange={(event) => set(event.currentTarget.value || undefined)}>
        {field.optional && <option value="">default</option>}
        {list.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    );
  if (field.kind === 'number') return <Slider field={field} value={typeof value === 'number' ? value : null} described={described} set={set} />;
  return (
    <Typed type="text" {...described} value={value === null ? '' : String(value)} placeholder={shown(field)} give={(text) => set(text.trim() || undefined)} />
  );
}

interface SliderProps {
  field: Field;
  value: number | null;
  described: { id: string; 'aria-describedby': string };
  set: (to: Json | undefined) => void;
}

/** The slider moves by what is sensible; the number beside it takes every value that the service takes. */
function Slider({ field, value, described, set }: SliderProps): ComponentChild {
  const position = toPosition(field, value ?? Math.max(field.minimum ?? 0, 1));
  const text = value === null ? 'automatic' : number(value, field.step);
  const step = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!by) return;
    event.preventDefault();
    const from = value ?? field.minimum ?? 0;
    const fine = field.step ?? Math.max(0.01, Number((Math.abs(from) / 20).toPrecision(1)));
    set(snap(field, from + by * fine));
  };
  return (
    <div class="slider">
      <input
        type="range"
        {...described}
        min={0}
        max={POSITIONS}
        value={position}
        aria-valuetext={`${text} ${field.unit}`}
        class={value === null ? 'automatic' : ''}
        onInput={(event) => set(toValue(field, Number(event.currentTarget.value)))}
        onKeyDown={step}
      />
      <Typed
        type="number"
        aria-label={`${field.title}, as a number`}
        min={field.minimum ?? undefined}
        max={field.maximum ?? undefined}
        step={field.step ?? 'any'}
        value={value ?? ''}
        placeholder="auto"
        give={(text) => set(text === '' ? undefined : Number(text))}
      />
    </div>
  );
}

function shown(field: Field): string {
  return field.default === null ? 'automatic' : String(field.default);
}
