/** A key of a row as a field: its plain name, the term of the row's text, its unit, and its help where there is room. */

import type { ComponentChild } from 'preact';

import type { RowKey } from '../../api/types';
import { Typed } from '../../controls/typed';
import { has, valueOf, withFlag, withKey, type Row } from '../../rows';

interface Props {
  spec: RowKey;
  row: Row;
  /** The row's name, for a screen reader. */
  of: string;
  help: boolean;
  set: (to: Row) => void;
}

export function KeyField({ spec, row, of, help, set }: Props): ComponentChild {
  const { name, title, text, unit, form } = spec;
  const label = `${of}: ${title.toLowerCase()}${help ? ', in more' : ''}`;
  const number = form === 'number';
  return (
    <label class={help ? 'key' : 'inline'} title={help ? undefined : text}>
      <span>
        {title} {help && <span class="unit">({name})</span>}
      </span>
      <span class="inline">
        {form === 'flag' ? (
          <input type="checkbox" aria-label={label} checked={has(row, name)} onChange={(event) => set(withFlag(row, name, event.currentTarget.checked))} />
        ) : (
          <Typed
            type={number ? 'number' : 'text'}
            class={number ? undefined : 'short'}
            step="any"
            min={spec.minimum ?? undefined}
            max={spec.maximum ?? undefined}
            aria-label={label}
            value={valueOf(row, name)}
            placeholder={spec.default === null ? '' : String(spec.default)}
            give={(given) => set(withKey(row, name, given.replaceAll(/\s/g, '')))}
          />
        )}
        <span class="unit">{unit}</span>
      </span>
      {help && <span class="help">{text}</span>}
    </label>
  );
}
