/*
 * How moments and spans are written: always with their zone, in UTC first and in the reader's own on demand.
 */
import { useEffect, useState } from 'preact/hooks';

export type Zone = 'UTC' | 'local';

const KEY = 'console.zone';
const listeners = new Set<() => void>();
let zone: Zone = stored();

function stored(): Zone {
  try {
    return localStorage.getItem(KEY) === 'local' ? 'local' : 'UTC';
  } catch {
    return 'UTC';
  }
}

export function setZone(next: Zone): void {
  zone = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // It holds for this page then.
  }
  for (const listener of listeners) listener();
}

/** The zone that is chosen; draws again when it changes. */
export function useZone(): Zone {
  const [seen, setSeen] = useState(zone);
  useEffect(() => {
    const look = () => setSeen(zone);
    listeners.add(look);
    look();
    return () => {
      listeners.delete(look);
    };
  }, []);
  return seen;
}

const two = (value: number) => String(value).padStart(2, '0');

/** `+05:45`, of the reader's own zone at that moment. */
function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** `UTC`, or `UTC+05:45`: never without. */
export function zoneName(date: Date, where: Zone): string {
  return where === 'UTC' ? 'UTC' : `UTC${offset(date)}`;
}

/** `2026-11-28 14:36:33 UTC`; seconds are left off where `short`. `unknown` for text that is no instant. */
export function formatInstant(rfc3339: string | number, where: Zone, short = false): string {
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return 'unknown';
  return `${formatDate(date, where)} ${formatClock(date, where, short)} ${zoneName(date, where)}`;
}

/** `2026-11-28` */
export function formatDate(date: Date, where: Zone): string {
  return where === 'UTC'
    ? date.toISOString().slice(0, 10)
    : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** `14:36:33`, or `14:36` where `short`. */
export function formatClock(date: Date, where: Zone, short = false): string {
  const [hours, minutes, seconds] =
    where === 'UTC'
      ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
      : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return short ? `${two(hours)}:${two(minutes)}` : `${two(hours)}:${two(minutes)}:${two(seconds)}`;
}

/** `26 h`, `4 min`, `12 s`, `9 d`. */
export function formatSpan(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 90) return `${Math.round(size)} s`;
  if (size < 90 * 60) return `${Math.round(size / 60)} min`;
  if (size < 48 * 3600) return `${Math.round(size / 3600)} h`;
  return `${Math.round(size / 86_400)} d`;
}

/** `28 min ago`, `in 6 d`. */
export function formatDistance(rfc3339: string, now = Date.now()): string {
  const seconds = (now - Date.parse(rfc3339)) / 1000;
  if (Number.isNaN(seconds)) return '';
  return seconds >= 0 ? `${formatSpan(seconds)} ago` : `in ${formatSpan(seconds)}`;
}
