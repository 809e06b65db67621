/** The song over time: waveform, curves, sections, hits, cursor. Drawn on two canvases; what is seen costs, not the song's length. */

import { effect } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { settings } from '../document/store';
import { clock } from '../format';
import { analysing, analysis, hits, shownCurves } from '../song/analysis';
import { loaded, peaksFor } from '../song/peaks';
import { playing, region, setRegion, time, toggle } from '../song/player';
import { song } from '../song/song';
import { draw, drawCursor } from './draw';
import { cursorKey, hitKey } from './keys';
import { palette } from './palette';
import { Pointer } from './pointer';
import { lookAtAll, selected, view, zoomBy } from './view';

export function Timeline(): ComponentChild {
  return (
    <section class="timeline" aria-label="Timeline">
      <Transport />
      <Canvas />
    </section>
  );
}

function Transport(): ComponentChild {
  const found = song.value;
  const loop = region.value;
  return (
    <div class="transport">
      <button type="button" class="play" onClick={toggle} disabled={!found} aria-keyshortcuts="Space">
        {playing.value ? 'Pause' : 'Play'}
      </button>
      <output class="time" aria-label="Cursor">
        {clock(time.value, 2)}
      </output>
      <span class="muted">{found ? `of ${clock(found.duration)}` : 'no song yet'}</span>
      {loop ? (
        <span class="region-told">
          Loop {clock(loop.start)} to {clock(loop.end)}
          <button type="button" class="plain" onClick={() => setRegion(null)}>
            clear<span class="unseen"> the loop</span>
          </button>
        </span>
      ) : (
        found && <span class="muted wide-only">drag over the waveform to loop a part</span>
      )}
      <span class="spring" />
      <span class="muted working" role="status">
        {analysing.value ? 'listening…' : ''}
      </span>
      <span class="buttons" role="group" aria-label="Zoom">
        <button type="button" onClick={() => zoomBy(2)} disabled={!found} aria-label="Zoom out">
          −
        </button>
        <button type="button" onClick={() => zoomBy(0.5)} disabled={!found} aria-label="Zoom in">
          +
        </button>
        <button type="button" onClick={lookAtAll} disabled={!found}>
          All
        </button>
      </span>
    </div>
  );
}

function Canvas(): ComponentChild {
  const box = useRef<HTMLDivElement>(null);
  const scene = useRef<HTMLCanvasElement>(null);
  const cursor = useRef<HTMLCanvasElement>(null);
  const pointer = useRef(new Pointer()).current;
  useEffect(() => (box.current && scene.current && cursor.current ? paint(box.current, scene.current, cursor.current) : undefined), []);
  useEffect(() => {
    const element = box.current;
    element?.addEventListener('wheel', pointer.wheel, { passive: false }); // Preact's own would be passive
    return () => element?.removeEventListener('wheel', pointer.wheel);
  }, []);
  const handle = (known: (event: KeyboardEvent) => boolean) => (event: KeyboardEvent) => {
    if (known(event)) event.preventDefault();
  };
  const chosen = hits.value[selected.value];
  return (
    <div class="canvas" ref={box} onPointerDown={pointer.down} onPointerMove={pointer.move} onPointerUp={pointer.up} onPointerCancel={pointer.up} onDblClick={pointer.double}>
      {!song.value && <p class="empty">Waveform, curve and hits of your song stand here.</p>}
      <canvas ref={scene} aria-hidden="true" />
      <canvas ref={cursor} aria-hidden="true" />
      <div
        class="handle cursor-handle"
        role="slider"
        tabIndex={0}
        aria-label="Cursor in the song"
        aria-valuemin={0}
        aria-valuemax={song.value?.duration ?? 0}
        aria-valuenow={time.value}
        aria-valuetext={clock(time.value, 2)}
        aria-description="Arrows move, plus and minus zoom, square brackets mark the loop, Enter adds a hit"
        onKeyDown={handle(cursorKey)}
      />
      <div
        class="handle hits-handle"
        role="slider"
        tabIndex={0}
        aria-label="Hits"
        aria-valuemin={0}
        aria-valuemax={hits.value.length}
        aria-valuenow={selected.value + 1}
        aria-valuetext={chosen ? `hit ${selected.value + 1} of ${hits.value.length}, ${clock(chosen.time, 2)}, strength ${Math.round(chosen.strength * 100)} %` : `${hits.value.length} hits, none chosen`}
        aria-description="Arrows choose, Alt with arrows moves, up and down change the strength, Delete deletes, Enter adds"
        onKeyDown={handle(hitKey)}
      />
    </div>
  );
}

/** Draw whenever something that is seen changes, at most once a frame. */
function paint(box: HTMLElement, scene: HTMLCanvasElement, cursor: HTMLCanvasElement): () => void {
  let [width, height] = [0, 0];
  let frame = 0;
  const sceneContext = scene.getContext('2d');
  const cursorContext = cursor.getContext('2d');
  if (!sceneContext || !cursorContext) return () => undefined;
  const drawScene = (): void => {
    frame = 0;
    if (!width) return;
    if (!song.peek()) {
      sceneContext.clearRect(0, 0, width, height);
      return;
    }
    draw(
      sceneContext,
      {
        view: view.peek(),
        width,
        height,
        duration: song.peek()?.duration ?? 0,
        peaks: peaksFor(view.peek(), width),
        analysis: analysis.peek(),
        shown: shownCurves.peek(),
        hits: hits.peek(),
        edited: Array.isArray(settings.peek()['hits']),
        selected: selected.peek(),
        region: region.peek(),
      },
      palette.peek(),
    );
  };
  const soon = (): void => {
    frame ||= requestAnimationFrame(drawScene);
  };
  const size = new ResizeObserver(() => {
    const dense = devicePixelRatio || 1;
    [width, height] = [box.clientWidth, box.clientHeight];
    for (const [canvas, context] of [[scene, sceneContext], [cursor, cursorContext]] as const) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
      context.setTransform(dense, 0, 0, dense, 0, 0);
    }
    soon();
    if (song.peek()) drawCursor(cursorContext, view.peek(), width, height, time.peek(), palette.peek());
  });
  size.observe(box);
  const stopScene = effect(() => {
    void [view.value, analysis.value, shownCurves.value, hits.value, selected.value, region.value, loaded.value, palette.value, song.value];
    soon();
  });
  const stopCursor = effect(() => {
    if (song.value) drawCursor(cursorContext, view.value, width, height, time.value, palette.value);
    else cursorContext.clearRect(0, 0, width, height);
  });
  return () => {
    size.disconnect();
    stopScene();
    stopCursor();
    cancelAnimationFrame(frame);
  };
}
