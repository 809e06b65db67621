/** A list to choose one of; what the document has is in it, also where the service does not name it. */

import type { ComponentChild } from 'preact';

interface ChoiceProps {
  label: string;
  value: string;
  list: { name: string; title: string; disabled?: boolean }[];
  set: (to: string) => void;
  title: string | undefined;
}

export function Choice({ label, value, list, set, title }: ChoiceProps): ComponentChild {
  const all = list.some(({ name }) => name === value) ? list : [{ name: value, title: value }, ...list];
  return (
    <select aria-label={label} value={value} title={title} onChange={(event) => set(event.currentTarget.value)}>
      {all.map((each) => (
        <option key={each.name} value={each.name} disabled={each.disabled}>
          {each.title}
        </option>
      ))}
    </select>
  );
}
