/** Part 5, the motion: a preset, one knob for all of it, and rows from what is heard to what moves. */

import type { ComponentChild } from 'preact';

import { Fault } from '../../controls/fault';
import { Setting } from '../../controls/field';
import { change, settings } from '../../document/store';
import { lines } from '../../rows';
import { fields, presets } from '../../schema';
import { faults } from '../../song/analysis';
import { Presets } from './presets';
import { FixedRow, RowEditor } from './row';

const OWN = 'own_rows'; // true: the preset's rows are the document's own, to be edited
const FRESH = 'kick -> exposure 0.3';

export function MotionPart(): ComponentChild {
  const chosen = String(settings.value['preset'] ?? presets.value[0]?.name ?? '');
  const preset = presets.value.find(({ name }) => name === chosen);
  const mine = lines(settings.value['modulation']);
  const own = settings.value[OWN] === true;
  const set = (rows: string[], about: string): void => change({ modulation: rows.length ? rows : undefined }, about);
  return (
    <div>
      <h2>Preset</h2>
      <Presets chosen={chosen} choose={(name) => change({ preset: name, [OWN]: undefined })} />
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
        <button type="button" onClick={() => set([...mine, FRESH], `row ${Date.now()}`)}>
          Add a row
        </button>
      </div>
      <Fault text={faults.value['modulation'] ?? null} />
      <div class="rows" role="list">
        {!own && preset?.modulation.map((each) => <FixedRow key={each} text={each} preset={chosen} />)}
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
