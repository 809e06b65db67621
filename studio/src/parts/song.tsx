/** Part 1, the song: drop it, choose it, or take the demo song. */

import type { ComponentChild } from 'preact';
import { useRef } from 'preact/hooks';

import { messageOf, request } from '../api/client';
import { Fault } from '../controls/fault';
import { bytes, clock, plural } from '../format';
import { analysis, hits } from '../song/analysis';
import { playError } from '../song/player';
import { loadSongs, send, sendDemo, show, song, songError, songs, uploading } from '../song/song';

export function SongPart(): ComponentChild {
  const chooser = useRef<HTMLInputElement>(null);
  const share = uploading.value;
  return (
    <div class="columns">
      <div>
        <h2>{song.value ? 'Another song' : 'Bring a song'}</h2>
        <div class="drop">
          <p class="lead">Drop a file anywhere on the page</p>
          <p class="help">Audio, or a video whose sound is meant.</p>
          <p class="row">
            <button type="button" class={song.value ? '' : 'main'} onClick={() => chooser.current?.click()} disabled={share !== null}>
              Choose a file
            </button>
            <button type="button" onClick={() => void sendDemo()} disabled={share !== null}>
              Try the demo song
            </button>
          </p>
          <input
            ref={chooser}
            class="unseen"
            type="file"
            tabIndex={-1}
            aria-label="Song file"
            accept="audio/*,video/*,.flac,.mka,.mkv,.aif,.aiff,.opus"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              event.currentTarget.value = '';
              if (file) void send(file);
            }}
          />
          {share !== null && (
            <label class="progress-line">
              {share < 1 ? `Sending: ${Math.round(100 * share)} %` : 'Reading the song…'}
              <progress value={share < 1 ? share : undefined} max={1} />
            </label>
          )}
          <Fault text={songError.value ?? playError.value} />
        </div>
        {song.value && <Facts />}
      </div>
      <Songs />
    </div>
  );
}

function Facts(): ComponentChild {
  const found = song.value;
  const heard = analysis.value;
  if (!found) return null;
  const facts: [string, string][] = [
    ['Name', found.name],
    ['Length', clock(found.duration)],
    ['Sound', `${found.sample_rate} Hz, ${plural(found.channels, 'channel')}, ${bytes(found.bytes)}`],
  ];
  if (heard) {
    const { bpm, confidence } = heard.tempo;
    facts.push(['Tempo', bpm ? `${Math.round(bpm * 10) / 10} beats a minute, ${Math.round(confidence * 100)} % sure` : 'no steady beat heard']);
    facts.push(['Heard', `${plural(hits.value.length, 'hit')} (the pins), ${plural(heard.sections.length, 'section')} (the bar above); the line is the curve`]);
  }
  return (
    <>
      <h2>This song</h2>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Songs(): ComponentChild {
  const remove = async (id: string): Promise<void> => {
    try {
      await request(`/v1/songs/${id}`, { method: 'DELETE' });
    } catch (error) {
      songError.value = messageOf(error);
    }
    await loadSongs();
  };
  if (!songs.value.length) return <div />;
  return (
    <div>
      <h2>On this service</h2>
      <ul class="list">
        {songs.value.map((each) => (
          <li key={each.id} class={each.id === song.value?.id ? 'chosen' : ''}>
            <button type="button" class="plain name" onClick={() => show(each)}>
              {each.name}
            </button>
            <span class="muted">{clock(each.duration)}</span>
            {each.id === song.value?.id ? (
              <span class="muted">open</span>
            ) : (
              <button type="button" class="plain" onClick={() => void remove(each.id)} aria-label={`Delete ${each.name}`}>
                delete
              </button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
