/** Drawing a view of the song: pure functions of what is to be seen onto a canvas of CSS pixels. */

import type { Analysis, Curve, Hit, Peaks } from '../api/types';
import { clock } from '../format';
import { from } from '../hits';
import { ticks, toPixel, type View } from './axis';
import type { Palette } from './palette';

/** Heights from the top, CSS pixels. */
export interface Lanes {
  ruler: number;
  sections: number;
  hits: number;
  height: number;
}

export const LANES: Lanes = { ruler: 20, sections: 16, hits: 46, height: 250 };

export interface Scene {
  view: View;
  width: number;
  height: number;
  duration: number;
  peaks: Peaks | null;
  analysis: Analysis | null;
  shown: ReadonlySet<string>;
  hits: readonly Hit[];
  edited: boolean;
  selected: number;
  region: View | null;
}

export function draw(canvas: CanvasRenderingContext2D, scene: Scene, colours: Palette): void {
  const { width, height } = scene;
  canvas.clearRect(0, 0, width, height);
  const hitsTop = height - LANES.hits;
  const top = LANES.ruler + LANES.sections;
  drawSections(canvas, scene, colours, hitsTop);
  drawRuler(canvas, scene, colours);
  if (scene.region) {
    canvas.fillStyle = colours.region;
    const left = toPixel(scene.view, width, scene.region.start);
    canvas.fillRect(left, 0, Math.max(1, toPixel(scene.view, width, scene.region.end) - left), height);
  }
  if (scene.peaks) drawPeaks(canvas, scene, scene.peaks, top, hitsTop, colours);
  if (scene.analysis) drawCurves(canvas, scene, scene.analysis, top, hitsTop, colours);
  drawHits(canvas, scene, colours, hitsTop);
}

function drawRuler(canvas: CanvasRenderingContext2D, { view, width }: Scene, colours: Palette): void {
  const { times, step } = ticks(view, width, 76);
  canvas.font = '11px ui-monospace, monospace';
  canvas.textBaseline = 'middle';
  canvas.fillStyle = colours.text;
  canvas.strokeStyle = colours.line;
  canvas.beginPath();
  for (const at of times) {
    const x = Math.round(toPixel(view, width, at)) + 0.5;
    canvas.moveTo(x, 4);
    canvas.lineTo(x, LANES.ruler);
    canvas.fillText(clock(at, step < 1 ? (step < 0.1 ? 2 : 1) : 0), x + 4, 10);
  }
  canvas.stroke();
}

function drawSections(canvas: CanvasRenderingContext2D, scene: Scene, colours: Palette, bottom: number): void {
  const sections = scene.analysis?.sections ?? [];
  const labels = [...new Set(sections.map(({ label }) => label))];
  canvas.font = '600 10.5px system-ui, sans-serif';
  canvas.textBaseline = 'middle';
  for (const { start, end, label } of sections) {
    if (end < scene.view.start || start > scene.view.end) continue;
    const left = Math.max(-1, toPixel(scene.view, scene.width, start));
    const right = Math.min(scene.width + 1, toPixel(scene.view, scene.width, end));
    const colour = colours.sections[labels.indexOf(label) % colours.sections.length] ?? colours.line;
    canvas.fillStyle = colour;
    canvas.fillRect(left, LANES.ruler, right - left - 1, LANES.sections - 2);
    canvas.globalAlpha = 0.1;
    canvas.fillRect(left, LANES.ruler + LANES.sections, right - left - 1, bottom - LANES.ruler - LANES.sections);
    canvas.globalAlpha = 1;
    canvas.fillStyle = colours.selected;
    if (right - left > 8 * label.length + 8) canvas.fillText(label, Math.max(4, left + 5), LANES.ruler + 7.5);
  }
}

function drawPeaks(
  canvas: CanvasRenderingContext2D,
  { view, width }: Scene,
  peaks: Peaks,
  top: number,
  bottom: number,
  colours: Palette,
): void {
  const [middle, half] = [(top + bottom) / 2, (bottom - top) / 2 - 4];
  const scale = peaks.points / (peaks.end - peaks.start);
  canvas.fillStyle = colours.wave;
  canvas.beginPath();
  for (let x = 0; x < width; x += 1) {
    const begin = view.start + (x / width) * (view.end - view.start);
    const first = Math.max(0, Math.floor((begin - peaks.start) * scale));
    const last = Math.max(first, Math.floor((begin + (view.end - view.start) / width - peaks.start) * scale - 1e-9));
    let [low, high] = [0, 0];
    for (let point = first; point <= last && point < peaks.points; point += 1) {
      low = Math.min(low, peaks.min[point] ?? 0);
      high = Math.max(high, peaks.max[point] ?? 0);
    }
    canvas.rect(x, middle - high * half, 1, Math.max(1, (high - low) * half));
  }
  canvas.fill();
}

function drawCurves(
  canvas: CanvasRenderingContext2D,
  scene: Scene,
  analysis: Analysis,
  top: number,
  bottom: number,
  colours: Palette,
): void {
  const names = Object.keys(analysis.curves);
  names.forEach((name, index) => {
    const curve = analysis.curves[name];
    if (name === 'curve' || !curve || !scene.shown.has(name)) return;
    canvas.strokeStyle = colours.others[index % colours.others.length] ?? colours.text;
    canvas.lineWidth = 1.25;
    traceCurve(canvas, scene, curve, top, bottom);
  });
  const own = analysis.curves['curve'];
  if (own && scene.shown.has('curve')) {
    canvas.strokeStyle = colours.curve;
    canvas.lineWidth = 2;
    traceCurve(canvas, scene, own, top, bottom);
  }
}

/** One line for a curve; where many values share a pixel, from the least to the greatest of them. */
function traceCurve(canvas: CanvasRenderingContext2D, { view, width }: Scene, curve: Curve, top: number, bottom: number): void {
  const height = bottom - top - 6;
  const y = (value: number): number => bottom - 3 - Math.min(1.05, Math.max(-0.05, value)) * height;
  const first = Math.max(0, Math.floor(view.start * curve.rate) - 1);
  const last = Math.min(curve.values.length - 1, Math.ceil(view.end * curve.rate) + 1);
  const many = (last - first) / width > 2;
  canvas.lineJoin = 'round';
  canvas.beginPath();
  let [pixel, low, high] = [-Infinity, 0, 0];
  for (let index = first; index <= last; index += 1) {
    const value = curve.values[index] ?? 0;
    const x = toPixel(view, width, index / curve.rate);
    if (!many) canvas.lineTo(x, y(value));
    else if (Math.floor(x) > pixel) {
      if (pixel > -Infinity) canvas.lineTo(pixel + 0.5, y(low));
      if (pixel > -Infinity && high > low) canvas.lineTo(pixel + 0.5, y(high));
      [pixel, low, high] = [Math.floor(x), value, value];
    } else [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  if (many) canvas.lineTo(pixel + 0.5, y(high));
  canvas.stroke();
}

function drawHits(canvas: CanvasRenderingContext2D, scene: Scene, colours: Palette, top: number): void {
  const { view, width, height, hits } = scene;
  const bottom = height - 6;
  canvas.strokeStyle = colours.line;
  canvas.lineWidth = 1;
  canvas.beginPath();
  canvas.moveTo(0, top + 0.5);
  canvas.lineTo(width, top + 0.5);
  canvas.stroke();
  const beats = scene.analysis?.beats ?? [];
  canvas.fillStyle = colours.beat;
  for (const { time, downbeat } of beats) {
    if (time < view.start || time > view.end) continue;
    canvas.fillRect(Math.round(toPixel(view, width, time)), height - (downbeat ? 5 : 3), 1, downbeat ? 5 : 3);
  }
  const room = bottom - top - 8;
  let shown = -Infinity;
  for (let index = from(hits, view.start - 1); index < hits.length; index += 1) {
    const hit = hits[index] as Hit;
    if (hit.time > view.end + 1) break;
    const x = toPixel(view, width, hit.time);
    const isSelected = index === scene.selected;
    // Of hits that share a pixel one is drawn: an hour holds thousands of them.
    if (x - shown < 0.7 && !isSelected) continue;
    shown = x;
    const tall = Math.max(4, hit.strength * room);
    canvas.fillStyle = isSelected ? colours.selected : scene.edited ? colours.hitEdited : colours.hit;
    canvas.fillRect(x - 0.75, bottom - tall, isSelected ? 2.5 : 1.5, tall);
    canvas.beginPath();
    canvas.arc(x, bottom - tall, 2 + 3 * hit.strength + (isSelected ? 1.5 : 0), 0, 7);
    canvas.fill();
  }
}

/** The cursor, on a canvas of its own: it moves sixty times a second, and the rest stays. */
export function drawCursor(canvas: CanvasRenderingContext2D, view: View, width: number, height: number, time: number, colours: Palette): void {
  canvas.clearRect(0, 0, width, height);
  const x = Math.round(toPixel(view, width, time));
  if (x < -2 || x > width + 2) return;
  canvas.fillStyle = colours.selected;
  canvas.fillRect(x - 0.5, 0, 1.5, height);
  canvas.beginPath();
  canvas.moveTo(x - 5, 0);
  canvas.lineTo(x + 5.5, 0);
  canvas.lineTo(x + 0.25, 7);
  canvas.fill();
}
