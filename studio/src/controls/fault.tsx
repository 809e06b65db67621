/** One line of what is wrong, told to whoever listens. */

import type { ComponentChild } from 'preact';

export function Fault({ text }: { text: string | null | undefined }): ComponentChild {
  return text ? (
    <p class="fault" role="alert">
      {text}
    </p>
  ) : null;
}
