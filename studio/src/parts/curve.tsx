/** Part 2, the curve: what moves the picture, and the settings that shape it. */

import type { ComponentChild } from 'preact';

import { Fault } from '../controls/fault';
import { Setting } from '../controls/field';
import { features, fields } from '../schema';
import { analysis, faults, shownCurves } from '../song/analysis';
import { curveInWords } from '../words';

/** Which settings stand here, first what is turned most. What they are, the service says. */
const HERE = ['strength', 'window_length', 'compression', 'polyorder', 'truncation_psi', 'seeds_top_num', 'seeds_bottom_num', 'fps'];

export function CurvePart(): ComponentChild {
  const others = [...fields.value.values()].filter((each) => each.group === 'curve' && !each.advanced && !HERE.includes(each.name));
  return (
    <div>
      <div class="part-head">
        <h2>Shape the curve</h2>
        <Legend />
      </div>
      <Fault text={faults.value['']} />
      <div class="settings">
        {[...HERE, ...others.map(({ name }) => name)].map((name) => (
          <Setting key={name} name={name} />
        ))}
      </div>
    </div>
  );
}

function Legend(): ComponentChild {
  const names = Object.keys(analysis.value?.curves ?? {});
  const show = (name: string, on: boolean): void => {
    const shown = new Set(shownCurves.value);
    if (on) shown.add(name);
    else shown.delete(name);
    shownCurves.value = shown;
  };
  return (
    <fieldset class="legend">
      <legend class="unseen">Curves that are drawn</legend>
      {names.map((name, index) => (
        <label key={name} class={`chip curve-${name === 'curve' ? 'own' : (index % 5) + 1}`} title={features.value.find((each) => each.name === name)?.text}>
          <input type="checkbox" checked={shownCurves.value.has(name)} onChange={(event) => show(name, event.currentTarget.checked)} />
          {curveInWords(name)}
        </label>
      ))}
    </fieldset>
  );
}
