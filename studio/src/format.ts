/** Numbers as people read them. */

/** 83.4 as 1:23.4; with hours from one on. */
export function clock(seconds: number, digits = 1): string {
  const scale = 10 ** digits;
  const whole = Math.round(Math.max(0, seconds) * scale);
  const [hours, minutes] = [Math.floor(whole / (3600 * scale)), Math.floor(whole / (60 * scale)) % 60];
  const rest = ((whole % (60 * scale)) / scale).toFixed(digits).padStart(digits ? 3 + digits : 2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** A length of time in words: 4 s, 3 min, 2 h 10 min. */
export function span(seconds: number): string {
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let unit = 0;
  while (count >= 999.5 && unit < units.length - 1) [count, unit] = [count / 1000, unit + 1];
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

export function number(value: number, step: number | null): string {
  const digits = step === null ? 2 : Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));
  return String(Number(value.toFixed(digits)));
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** A frame rate such as 30, "29.97" or "30000/1001" as a number; 30 where it is none. */
export function rate(value: unknown): number {
  const [over, under] = String(value ?? 30).split('/').map(Number);
  const found = (over ?? NaN) / (under ?? 1);
  return Number.isFinite(found) && found > 0 ? found : 30;
}
