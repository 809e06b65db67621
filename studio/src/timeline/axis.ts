/** The time axis: which seconds are seen, and where they lie on so many pixels. */

export interface View {
  readonly start: number;
  readonly end: number;
}

/** The nearest that one can look, seconds. */
export const CLOSEST = 0.5;

export function toPixel(view: View, width: number, time: number): number {
  return ((time - view.start) / (view.end - view.start)) * width;
}

export function toTime(view: View, width: number, pixel: number): number {
  return view.start + (pixel / width) * (view.end - view.start);
}

/** The view within 0..duration, as long as it was where that fits. */
export function clamp(view: View, duration: number): View {
  const length = Math.min(Math.max(view.end - view.start, Math.min(CLOSEST, duration)), duration);
  const start = Math.min(Math.max(0, view.start), duration - length);
  return { start, end: start + length };
}

/** The view by `factor` longer (above 1) or shorter, with the moment `about` where it was. */
export function zoom(view: View, factor: number, about: number, duration: number): View {
  const length = view.end - view.start;
  const wanted = Math.min(Math.max(length * factor, Math.min(CLOSEST, duration)), duration);
  const share = (about - view.start) / length;
  return clamp({ start: about - share * wanted, end: about + (1 - share) * wanted }, duration);
}

export function pan(view: View, seconds: number, duration: number): View {
  return clamp({ start: view.start + seconds, end: view.end + seconds }, duration);
}

const STEPS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Moments to label, at least `apart` pixels from each other. */
export function ticks(view: View, width: number, apart: number): { times: number[]; step: number } {
  const least = (apart / width) * (view.end - view.start);
  const step = STEPS.find((each) => each >= least) ?? 7200;
  const times: number[] = [];
  for (let index = Math.ceil(view.start / step - 1e-9); index * step <= view.end; index += 1) times.push(index * step);
  return { times, step };
}
