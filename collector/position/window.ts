import { SECONDS_PER_DAY } from '../../mappings/time-units.js';

/** What one search asks for: whole seconds since the epoch, start inclusive; without an end it is open towards the future. */
export interface Window {
  readonly start: number;
  readonly end?: number;
}

/**
 * The next window of a live lane: from `settled` on, open at the end; while the lane is far behind, a closed slice, so
 * that no search runs over days. JumpCloud refuses a start in the future and a window whose end is not after its start
 * (jumpcloud/README.md 1.2), so neither is ever returned, whatever the clocks say.
 * @param settled whole second from which on the lane reads
 * @param now whole second that has passed for certain
 * @param slice seconds
 * @param latest whole second that JumpCloud's clock may have reached
 * @param wider seconds that a slice may have where the lane is at least twice as far behind
 */
export function liveWindow(settled: number, now: number, slice: number, latest = now, wider = slice): Window {
  const start = Math.min(settled, latest - 1);
  const width = Math.max(1, Math.trunc(slice));
  const behind = now - start;
  // Two slices of slack: the last one is left to the open window rather than closed at a moment that is still moving.
  if (!(behind > 2 * width)) return { start };
  return { start, end: start + Math.max(width, Math.trunc(Math.min(wider, behind / 2))) };
}

/**
 * How wide the next slice may be. Each slice ends with a commit, and a commit writes a file per table however few its records
 * are: so slices widen, up to a day, where they bring few. Where one brings many the next is the narrowest: what a search
 * shows is remembered to its end.
 * @param width seconds of the slice before, which was read to its end
 * @param records that it brought
 * @param few so many make full commits
 * @param narrowest seconds
 */
export function nextSlice(width: number, records: number, few: number, narrowest: number): number {
  if (records > 4 * few) return narrowest;
  return Math.max(narrowest, Math.min(records > few ? width : 2 * width, SECONDS_PER_DAY));
}

/**
 * Where the next search may start after (part of) a window was read.
 * @param readTo whole second up to which the window's records are delivered; undefined: the open window to its end
 * @param startedAt whole second that had passed when the search began: what became visible later may be missing
 * @param overlap seconds within which a late record is still waited for
 */
export function watermarkAfter(
  settled: number,
  readTo: number | undefined,
  startedAt: number,
  overlap: number,
): number {
  const aged = startedAt - overlap;
  return Math.max(settled, readTo === undefined ? aged : Math.min(readTo, aged));
}

/** Cuts [from, to) into closed windows of at most `width` seconds, oldest first. Empty where from ≥ to. */
export function slices(from: number, to: number, width: number): Window[] {
  const windows: Window[] = [];
  for (let start = from; start < to; start += width) windows.push({ start, end: Math.min(start + width, to) });
  return windows;
}
