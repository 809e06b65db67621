/** What mouse and touch do on the timeline: seek, mark a region, drag hits, zoom and pan. */

import { change } from '../document/store';
import { add, alter, nearest } from '../hits';
import { hits } from '../song/analysis';
import { region, seek, setRegion } from '../song/player';
import { song } from '../song/song';
import { toTime, type View } from './axis';
import { LANES } from './draw';
import { look, panBy, selected, view, zoomBy } from './view';

const MOVED = 4; // pixels that make a press a drag
const REACH = 12; // pixels on either side of a hit: 24 wide to the finger

interface Press {
  kind: 'seek' | 'hit' | 'pinch';
  x: number;
  y: number;
  time: number;
  moved: boolean;
  strength: number;
  view: View;
  spread: number;
}

/** Handlers of the timeline's element. */
export class Pointer {
  private press: Press | null = null;
  private readonly touches = new Map<number, number>();

  down = (event: PointerEvent): void => {
    if (!song.value || event.button > 0) return;
    const box = boxOf(event);
    this.touches.set(event.pointerId, event.clientX);
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const time = toTime(view.value, box.width, x);
    const begun = { x, y, time, moved: false, strength: 0, view: view.value, spread: this.spread() };
    if (this.touches.size > 1) {
      this.press = { ...begun, kind: 'pinch' };
      return;
    }
    if (y > box.height - LANES.hits) {
      const index = nearest(hits.value, time, reach(box.width));
      selected.value = index;
      this.press = { ...begun, kind: index < 0 ? 'seek' : 'hit', strength: hits.value[index]?.strength ?? 0 };
    } else this.press = { ...begun, kind: 'seek' };
  };

  move = (event: PointerEvent): void => {
    const { press } = this;
    if (!press) return;
    if (this.touches.has(event.pointerId)) this.touches.set(event.pointerId, event.clientX);
    const box = boxOf(event);
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (press.kind === 'pinch') {
      const middle = (press.view.start + press.view.end) / 2;
      const half = ((press.view.end - press.view.start) / 2) * (press.spread / Math.max(20, this.spread()));
      look({ start: middle - half, end: middle + half });
      return;
    }
    press.moved ||= Math.hypot(x - press.x, y - press.y) > MOVED;
    if (!press.moved) return;
    const time = toTime(view.value, box.width, x);
    if (press.kind === 'seek') setRegion({ start: press.time, end: time });
    else {
      const strength = event.altKey ? press.strength : press.strength + (press.y - y) / (LANES.hits * 2);
      const length = song.value?.duration ?? 0;
      change({ hits: alter(hits.value, selected.value, time, strength, length) as never }, `hit ${selected.value}`);
    }
  };

  up = (event: PointerEvent): void => {
    this.touches.delete(event.pointerId);
    if (this.press?.kind === 'seek' && !this.press.moved) {
      if (region.value && (this.press.time < region.value.start || this.press.time > region.value.end)) setRegion(null);
      seek(this.press.time);
    }
    if (this.touches.size === 0) this.press = null;
  };

  double = (event: MouseEvent): void => {
    const box = boxOf(event);
    if (!song.value || event.clientY - box.top < box.height - LANES.hits) return;
    const time = toTime(view.value, box.width, event.clientX - box.left);
    if (nearest(hits.value, time, reach(box.width)) >= 0) return;
    const strength = Math.min(1, Math.max(0.1, (box.bottom - 6 - event.clientY) / (LANES.hits - 14)));
    change({ hits: add(hits.value, time, Number(strength.toFixed(2)), song.value.duration) as never }, 'add hit');
    selected.value = nearest(hits.value, time, 0.01);
  };

  wheel = (event: WheelEvent): void => {
    const box = boxOf(event);
    const length = view.value.end - view.value.start;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const about = toTime(view.value, box.width, event.clientX - box.left);
      zoomBy(Math.exp(Math.min(1, Math.max(-1, event.deltaY / 200))), about);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      panBy(((event.deltaX || event.deltaY) / box.width) * length);
    }
  };

  private spread(): number {
    const at = [...this.touches.values()];
    return at.length > 1 ? Math.abs((at[0] ?? 0) - (at[1] ?? 0)) : 1;
  }
}

function boxOf(event: MouseEvent): DOMRect {
  return (event.currentTarget as HTMLElement).getBoundingClientRect();
}

function reach(width: number): number {
  return (REACH / width) * (view.value.end - view.value.start);
}
