import { SECONDS_PER_HOUR, SECONDS_PER_MINUTE } from '../../mappings/time-units.js';

/** `1 h 04 min`, `3 min 20 s`, `12 s`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole >= SECONDS_PER_HOUR)
    return `${Math.floor(whole / SECONDS_PER_HOUR)} h ${String(Math.floor((whole % SECONDS_PER_HOUR) / SECONDS_PER_MINUTE)).padStart(2, '0')} min`;
  return whole >= SECONDS_PER_MINUTE
    ? `${Math.floor(whole / SECONDS_PER_MINUTE)} min ${String(whole % SECONDS_PER_MINUTE).padStart(2, '0')} s`
    : `${whole} s`;
}
