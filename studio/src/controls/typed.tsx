/** An input for text or a number: what somebody types stands until it is given, whatever the page draws anew meanwhile. */

import type { ComponentChild, InputHTMLAttributes } from 'preact';
import { useState } from 'preact/hooks';

interface Props extends Omit<InputHTMLAttributes, 'value' | 'onInput' | 'onChange' | 'onBlur'> {
  value: string | number;
  /** Take what was typed: at Enter, at a step of the arrows, or as the focus leaves. */
  give: (text: string) => void;
}

export function Typed({ value, give, ...others }: Props): ComponentChild {
  const [draft, setDraft] = useState<string | null>(null);
  return (
    <input
      {...others}
      value={draft ?? value}
      onInput={(event) => setDraft(event.currentTarget.value)}
      onChange={(event) => {
        give(event.currentTarget.value);
        setDraft(null);
      }}
      onBlur={() => setDraft(null)}
    />
  );
}
