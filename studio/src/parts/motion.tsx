/** Part 5, the motion: a preset, one knob for all of it, and rows from what is heard to what moves. */

import type { ComponentChild } from 'preact';

import { Setting } from '../controls/field';
import { change, settings } from '../document/store';
import { features, fields, presets, targets } from '../schema';
import { faults } from '../song/analysis';
import { line, lines, parse, valueOf, withKey, type Row } from '../rows';

const OWN = 'own_rows'; // true: the preset's rows are the document's own, to be edited

export function MotionPart(): ComponentChild {
  const chosen = String(settings.value['preset'] ?? presets.value[0]?.name ?? '');
  const preset = presets.value.find(({ name }) => name === chosen);
  const mine = lines(settings.value['modulation']);
  const own = settings.value[OWN] === true;
  const set = (rows: string[], about: string): void => change({ modulation: rows.length ? rows : undefined }, about);
  return (
    <div>
      <h2>Preset</h2>
      <div class="cards" role="radiogroup" aria-label="Preset">
        {presets.value.map(({ name, description }) => (
          <label key={name} class={`card preset ${name === chosen ? 'chosen' : ''}`}>
            <input type="radio" name="preset" class="unseen" checked={name === chosen} onChange={() => change({ preset: name, [OWN]: undefined })} />
            <span class="card-name">{name}</span>
            <span class="muted small">{description}</span>
          </label>
        ))}
      </div>
      <div class="settings one">
        <Setting name="strength" />
      </div>
      <div class="part-head">
        <h2>Rows</h2>
        <span class="muted">what is heard moves what is seen</span>
        <span class="spring" />
        {!own && preset && preset.modulation.length > 0 && fields.value.has(OWN) && (
          <button type="button" onClick={() => change({ [OWN]: true, modulation: [...preset.modulation, ...mine] }, 'take rows')}>
            Edit the rows of {chosen}
          </button>
        )}
        {own && (
          <button type="button" onClick={() => change({ [OWN]: undefined, modulation: undefined }, 'rows back')}>
            Back to the rows of {chosen}
          </button>
        )}
        <button type="button" onClick={() => set([...mine, 'kick -> exposure 0.3'], `row ${Date.now()}`)}>
          Add a row
        </button>
      </div>
      {faults.value['modulation'] && (
        <p class="fault" role="alert">
          {faults.value['modulation']}
        </p>
      )}
      <div class="rows" role="list">
        {!own && preset?.modulation.map((each) => <Fixed key={each} text={each} preset={chosen} />)}
        {mine.map((each, index) => (
          <RowEditor
            key={index}
            text={each}
            index={index}
            set={(to) => set(mine.map((old, at) => (at === index ? to : old)), `row ${index}`)}
            remove={() => set(mine.filter((_, at) => at !== index), `row out ${Date.now()}`)}
          />
        ))}
      </div>
      {!mine.length && !preset?.modulation.length && <p class="help">No rows: only AKMA’s curve moves between the walks.</p>}
    </div>
  );
}

function Fixed({ text, preset }: { text: string; preset: string }): ComponentChild {
  return (
    <div class="motion-row fixed" role="listitem">
      <code>{text}</code>
      <span class="muted">of {preset}</span>
    </div>
  );
}

interface Editor {
  text: string;
  index: number;
  set: (to: string) => void;
  remove: () => void;
}

function RowEditor({ text, index, set, remove }: Editor): ComponentChild {
  const row = parse(text);
  const name = `Row ${index + 1}`;
  if (!row)
    return (
      <div class="motion-row" role="listitem">
        <input type="text" aria-label={name} value={text} onChange={(event) => set(event.currentTarget.value)} />
        <button type="button" onClick={remove} aria-label={`Delete ${name.toLowerCase()}`}>
          ×
        </button>
      </div>
    );
  const feature = features.value.find((each) => each.name === row.feature);
  const target = targets.value.find((each) => each.name === row.target);
  const update = (changes: Partial<Row>): void => set(line({ ...row, ...changes }));
  const fall = feature?.kind === 'events' ? (row.target === 'walk.step' ? 'settle' : 'decay') : 'release';
  return (
    <div class="motion-row" role="listitem">
      <Choice label={`${name}: feature`} value={row.feature} list={features.value.map((each) => each.name)} set={(to) => update({ feature: to, keys: [] })} title={feature?.text} />
      <span aria-hidden="true">→</span>
      <Choice label={`${name}: target`} value={row.target} list={targets.value.map((each) => each.name)} set={(to) => update({ target: to, about: to === 'direction' ? 'walks' : '', amount: null })} title={target?.text} />
      {(target?.rows || row.about) && <Text label={`${name}: rows`} value={row.about} hint="all" set={(about) => update({ about })} />}
      <label class="inline amount">
        <span>amount</span>
        <input
          type="number"
          step="any"
          value={row.amount ?? ''}
          placeholder={String(target?.amount ?? '')}
          aria-label={`${name}: amount`}
          title={target ? `${target.text}; ${target.range.join(' to ')}` : ''}
          onChange={(event) => update({ amount: event.currentTarget.value === '' ? null : Number(event.currentTarget.value) })}
        />
      </label>
      {['attack', fall].map((key) => (
        <label key={key} class="inline">
          <span>{key}</span>
          <input type="number" step="any" min={0} value={valueOf(row, key)} placeholder="0" aria-label={`${name}: ${key}`} onChange={(event) => set(line(withKey(row, key, event.currentTarget.value)))} />
        </label>
      ))}
      <details>
        <summary>as text</summary>
        <input type="text" class="as-text" aria-label={`${name} as text`} value={text} onChange={(event) => set(event.currentTarget.value)} />
      </details>
      <button type="button" onClick={remove} aria-label={`Delete ${name.toLowerCase()}`}>
        ×
      </button>
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  list: string[];
  set: (to: string) => void;
  title: string | undefined;
}

function Choice({ label, value, list, set, title }: ChoiceProps): ComponentChild {
  const all = list.includes(value) ? list : [value, ...list];
  return (
    <select aria-label={label} value={value} title={title} onChange={(event) => set(event.currentTarget.value)}>
      {all.map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  );
}

function Text({ label, value, hint, set }: { label: string; value: string; hint: string; set: (to: string) => void }): ComponentChild {
  return <input type="text" class="short" aria-label={label} value={value} placeholder={hint} onChange={(event) => set(event.currentTarget.value.trim())} />;
}
