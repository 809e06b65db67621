/** Keys that mean something on the whole page, and files that are dropped anywhere on it. */

import { signal } from '@preact/signals';

import { redo, undo } from './document/store';
import { openDocument } from './header';
import { tapping } from './parts/beats';
import { isNetwork, modelFile } from './parts/models';
import { playing, toggle } from './song/player';
import { send } from './song/song';
import { addHere } from './timeline/keys';

/** True while a file hangs over the page. */
export const hovering = signal(false);

/** Elements that use the space bar, or text, themselves. */
const OWN_KEYS = 'input, select, textarea, button, summary, a, video, [contenteditable]';

export function listen(show: (part: string) => void): void {
  addEventListener('keydown', (event) => {
    const at = event.target instanceof Element ? event.target : null;
    const typing = at?.closest('input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea');
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z' && !typing) {
      event.preventDefault();
      if (event.shiftKey) redo();
      else undo();
    } else if (event.key === ' ' && tapping.value && playing.value && !typing) {
      event.preventDefault();
      if (!event.repeat) addHere();
    } else if (event.key === ' ' && !at?.closest(OWN_KEYS)) {
      event.preventDefault();
      toggle();
    }
  });
  // A button would be clicked by the space bar's release.
  addEventListener('keyup', (event) => {
    if (event.key === ' ' && tapping.value && playing.value) event.preventDefault();
  });
  addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    hovering.value = true;
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) hovering.value = false;
  });
  addEventListener('drop', (event) => {
    hovering.value = false;
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    if (/\.json$/i.test(file.name)) void openDocument(file);
    else if (isNetwork(file)) {
      modelFile.value = file;
      show('models');
    } else {
      show('song');
      void send(file);
    }
  });
}
