/** A row of the modulation: a preset's in words, or one of the document's with its fields. */

import type { ComponentChild } from 'preact';

import type { Target } from '../../api/types';
import { Typed } from '../../controls/typed';
import { line, parse, ALL, type Row } from '../../rows';
import { features, targets } from '../../schema';
import { fittingKeys, inWords, withTerm } from '../../words';
import { Choice } from './choice';
import { KeyField } from './key';

const FIRST = 2; // keys that stand in the row itself; the others under "more"

export function FixedRow({ text, preset }: { text: string; preset: string }): ComponentChild {
  const row = parse(text);
  const [what, how] = row ? inWords(row) : [text, ''];
  return (
    <div class="motion-row fixed" role="listitem" title={text}>
      <span class="what">
        <span>{what}</span>
        <span class="muted small">{how}</span>
      </span>
      <span class="muted small">of {preset}</span>
    </div>
  );
}

interface Editor {
  text: string;
  index: number;
  set: (to: string) => void;
  remove: () => void;
}

export function RowEditor({ text, index, set, remove }: Editor): ComponentChild {
  const row = parse(text);
  const name = `Row ${index + 1}`;
  const asText = (
    <label class="stacked">
      <span>The row as text, as the command line takes it</span>
      <Typed type="text" class="as-text" aria-label={`${name} as text`} value={text} give={set} />
    </label>
  );
  const out = (
    <button type="button" onClick={remove} aria-label={`Delete ${name.toLowerCase()}`}>
      ×
    </button>
  );
  if (!row)
    return (
      <div class="motion-row" role="listitem">
        {asText}
        {out}
      </div>
    );
  const feature = features.value.find((each) => each.name === row.feature);
  const target = targets.value.find((each) => each.name === row.target);
  const update = (changes: Partial<Row>): void => set(line({ ...row, ...changes }));
  const aim = (to: string): void => {
    const about = targets.value.find((each) => each.name === to)?.choices[0]?.name ?? (to === 'class' ? '0' : '');
    update({ target: to, about: about === ALL ? '' : about, amount: null, keys: [] });
  };
  const keys = fittingKeys(row);
  const field = (each: (typeof keys)[number], help: boolean): ComponentChild => (
    <KeyField key={each.name + each.title} spec={each} row={row} of={name} help={help} set={(to) => set(line(to))} />
  );
  return (
    <div class="motion-row" role="listitem">
      <div class="what-moves">
        <Choice
          label={`${name}: what is heard`}
          value={row.feature}
          list={features.value.map((each) => ({ name: each.name, title: withTerm(each.title, each.name) }))}
          set={(to) => update({ feature: to, keys: [] })}
          title={feature?.text}
        />
        <span aria-hidden="true">→</span>
        <Choice
          label={`${name}: what it moves`}
          value={row.target}
          list={targets.value.map((each) => ({ name: each.name, title: withTerm(each.title, each.name), disabled: each.kind === 'events' && feature?.kind === 'curve' }))}
          set={aim}
          title={target?.text}
        />
        <About row={row} target={target} name={name} set={(about) => update({ about })} />
        {out}
      </div>
      <label class="inline amount" title={target ? `${target.text}; ${target.range.join(' to ')}` : ''}>
        <span>Amount</span>
        <Typed
          type="number"
          step="any"
          value={row.amount ?? ''}
          placeholder={String(target?.amount ?? '')}
          aria-label={`${name}: amount`}
          give={(given) => update({ amount: given === '' ? null : Number(given) })}
        />
        <span class="unit">{target?.unit}</span>
      </label>
      {keys.slice(0, FIRST).map((each) => field(each, false))}
      <details>
        <summary aria-label={`${name}: more`}>more</summary>
        {target && <p class="help">{`${target.title}: ${target.text}, ${target.range.join(' to ')}.`}</p>}
        <div class="keys">{keys.map((each) => field(each, true))}</div>
        {asText}
      </details>
    </div>
  );
}

/** What stands after the target's colon: parts of the picture, a direction, or a class. */
function About({ row, target, name, set }: { row: Row; target: Target | undefined; name: string; set: (about: string) => void }): ComponentChild {
  if (target?.choices.length) {
    const list = target.choices.map((each) => ({ name: each.name === ALL ? '' : each.name, title: withTerm(each.title, each.name) }));
    return <Choice label={`${name}: of what`} value={row.about} list={list} set={set} title={undefined} />;
  }
  if (!row.about) return null;
  return <Typed type="text" class="short" aria-label={`${name}: of what`} value={row.about} give={(text) => set(text.trim())} />;
}
