/** Part 6, the preview: stills and a short clip, the very frames of the final render. */

import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect } from 'preact/hooks';

import { ask, busy, clip, clipError, estimate, estimateError, inWords, isStale, makeClip, makeStills, part, stills, timed, wanted } from '../clips';
import { Fault } from '../controls/fault';
import { clock, span } from '../format';
import { analysis } from '../song/analysis';
import { pause } from '../song/player';
import { song } from '../song/song';

/** Make the clip anew after every edit. */
const follow = signal(false);

export function Preview(): ComponentChild {
  const found = song.value;
  const { start, duration } = part.value;
  const heard = analysis.value !== null;
  useEffect(() => {
    if (!found || !heard) return undefined; // the song is heard before its network is measured
    const timer = setTimeout(() => void ask(), 400);
    return () => clearTimeout(timer);
  }, [timed.value, clip.value, heard]); // a clip that was made corrects it
  useEffect(() => {
    if (!follow.value || !found || busy.value || !isStale()) return undefined;
    const timer = setTimeout(() => void makeClip(), 250); // a slider that moves is not yet an edit
    return () => clearTimeout(timer);
  }, [follow.value, wanted.value, busy.value]);
  return (
    <section class="preview" aria-label="Preview">
      <div class="part-head">
        <h2>Preview</h2>
        <span class="muted" role="status">
          {busy.value ? `making ${busy.value === 'clip' ? 'the clip' : 'stills'}${busy.value === 'clip' && estimate.value ? `, about ${span(estimate.value.seconds)}` : ''}` : ''}
        </span>
      </div>
      <div class="screen">
        {clip.value ? (
          <video key={clip.value.url} src={clip.value.url} controls loop autoplay playsInline onPlay={pause} aria-label="Clip of the preview" />
        ) : (
          <p class="help">{found ? 'The clip plays here, with its sound.' : 'First a song.'}</p>
        )}
      </div>
      {clip.value && <p class="help">{clip.value.told}</p>}
      <p class="row">
        <button type="button" disabled={!found || busy.value !== null} onClick={() => void makeClip()}>
          {found ? `Make a clip, ${clock(start)} to ${clock(start + duration)}` : 'Make a clip'}
        </button>
        <button type="button" disabled={!found || busy.value !== null} onClick={() => void makeStills()}>
          Four stills
        </button>
        <label class="inline">
          <input type="checkbox" checked={follow.value} onChange={(event) => (follow.value = event.currentTarget.checked)} />
          again after each edit
        </label>
      </p>
      {found && (
        <p class="help" id="clip-time">
          {estimate.value ? inWords(estimate.value) : (estimateError.value ?? 'Measuring how long this takes here…')}
        </p>
      )}
      <Fault text={clipError.value} />
      <div class="stills">
        {stills.value.map((still) => (
          <figure key={still.time}>
            <img src={`data:image/png;base64,${still.png}`} alt={`Still at ${clock(still.time ?? 0)}`} />
            <figcaption>{clock(still.time ?? 0)}</figcaption>
          </figure>
        ))}
      </div>
    </section>
  );
}
