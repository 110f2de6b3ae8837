import { MINUTES_PER_HOUR } from '../../mappings/time-units.js';
import type { MinuteCounts } from '../pipeline/outcome-counts.js';

/**
 * What was read of a stretch of time, as JumpCloud gave it, to be compared with JumpCloud's own count. Cells lie on a
 * fixed grid of minutes; older ones are joined to hours.
 */
export interface CountSpan {
  /** Minutes since the epoch; `end` is not included. */
  readonly start: number;
  readonly end: number;
  /** Elements of the array at the last full read, repeats included; undefined: never read in full. */
  readonly length: number | undefined;
  /** JumpCloud's count less `length`, after a read that brought nothing new: a difference that is settled. */
  readonly explained: number;
}

/** Adjoining cells, oldest first, of one set of services: a count over others cannot be compared. */
export interface CountLedger {
  readonly services: readonly string[];
  readonly cells: readonly CountSpan[];
}

/** A stretch of minutes since the epoch that a search has read in full, and what it brought. */
export interface ReadMinutes {
  readonly start: number;
  readonly end: number;
  readonly minutes: MinuteCounts;
}

/** The minute from which on nothing is in the grid; undefined where it is empty. */
export function endOf(grid: CountLedger): number | undefined {
  return grid.cells.at(-1)?.end;
}

/**
 * The grid after the lane's position has come to minute `to`. Minutes that the search has not read in full are taken in
 * as never read: a gap is then seen rather than taken for silence.
 * @param from where an empty grid begins
 */
export function extended(grid: CountLedger, from: number, to: number, read: ReadMinutes): CountLedger {
  const cells = [...grid.cells];
  let minute = endOf(grid) ?? from;
  while (minute < to) {
    const isRead = minute >= read.start && minute < read.end;
    const length = isRead ? (read.minutes.get(minute) ?? 0) : undefined;
    cells.push({ start: minute, end: minute + 1, length, explained: 0 });
    minute += 1;
  }
  return { ...grid, cells };
}

/** The grid of a lane whose position went back to minute `to`: what it does not hold from `from` on counts as never read. */
export function cutBack(grid: CountLedger, from: number, to: number): CountLedger {
  const kept = grid.cells.filter(({ start, end }) => start >= from && end <= to);
  const unread = { start: to, end: to, minutes: new Map<number, number>() };
  const before = extended({ ...grid, cells: [] }, from, kept[0]?.start ?? from, unread);
  return extended({ ...grid, cells: [...before.cells, ...kept] }, from, to, unread);
}

/** The grid after some of its cells were read again; what was explained before is forgotten with the old lengths. */
export function withReread(grid: CountLedger, read: ReadMinutes): CountLedger {
  const cells = grid.cells.flatMap((cell) => {
    if (cell.end <= read.start || cell.start >= read.end) return cell;
    if (cell.start < read.start || cell.end > read.end) {
      throw new RangeError('a cell was read in part');
    }
    return { ...cell, length: total(cell, read.minutes), explained: 0 };
  });
  return { ...grid, cells };
}

/** The grid after a stretch was read and JumpCloud still counts otherwise: from now on that count is what is expected. */
export function acceptCount(grid: CountLedger, start: number, end: number, count: number): CountLedger {
  const inside = grid.cells.filter((cell) => cell.start >= start && cell.end <= end);
  const length = sum(inside.map((cell) => cell.length ?? 0));
  if (inside.length === 0 || count === length) return grid;
  // Which of the cells the difference lies in is not known: they are one from now on.
  const joined: CountSpan = { start: inside[0]!.start, end: inside.at(-1)!.end, length, explained: count - length };
  return {
    ...grid,
    cells: grid.cells.flatMap((cell) => (cell === inside[0] ? joined : inside.includes(cell) ? [] : cell)),
  };
}

/** The grid of another set of services: nothing is known of it, and what lies before `fine` is given up. */
export function forServices(grid: CountLedger, services: readonly string[], fine: number): CountLedger {
  if (services.length === grid.services.length && services.every((service) => grid.services.includes(service)))
    return grid;
  return { services, cells: spansFrom(grid, fine).map((cell) => ({ ...cell, length: undefined, explained: 0 })) };
}

/** What JumpCloud's count must be if nothing has changed since these cells were read; undefined where one never was. */
export function expectedCount(cells: readonly CountSpan[]): number | undefined {
  let count = 0;
  for (const { length, explained } of cells) {
    if (length === undefined) return undefined;
    count += length + explained;
  }
  return count;
}

/** Cells from a minute on. One that begins before it counts whole: half of a cell cannot be compared. */
export function spansFrom(grid: CountLedger, from: number): readonly CountSpan[] {
  return grid.cells.filter((cell) => cell.end > from);
}

/** Without what lies before `from`, and with everything before `fine` joined to hours of the clock, so that the grid stays small. */
export function trimmed(grid: CountLedger, from: number, fine: number): CountLedger {
  const cells: CountSpan[] = [];
  for (const cell of spansFrom(grid, from)) {
    const last = cells.at(-1);
    const joins =
      last !== undefined &&
      cell.end <= fine &&
      hourOf(last.start) === hourOf(cell.end - 1) &&
      (last.length === undefined) === (cell.length === undefined);
    if (joins) cells[cells.length - 1] = join(last, cell);
    else cells.push(cell);
  }
  return { ...grid, cells };
}

/** The cells of one hour since the epoch; undefined where the grid does not hold just that hour. */
export function spansOfHour(grid: CountLedger, hour: number): readonly CountSpan[] | undefined {
  const [from, to] = [hour * MINUTES_PER_HOUR, (hour + 1) * MINUTES_PER_HOUR];
  const cells = grid.cells.filter(({ start, end }) => end > from && start < to);
  return cells[0]?.start === from && cells.at(-1)!.end === to ? cells : undefined;
}

/** Where to halve a stretch of cells: at the hour's edge that is nearest to its middle, at the middle where it lies in one hour. */
export function middleOf(cells: readonly CountSpan[]): number {
  const middle = Math.ceil(cells.length / 2);
  const edges = cells.flatMap(({ start }, index) => (index > 0 && start % MINUTES_PER_HOUR === 0 ? [index] : []));
  return edges.reduce(
    (best, edge) => (Math.abs(edge - middle) < Math.abs(best - middle) ? edge : best),
    edges[0] ?? middle,
  );
}

/** Whether a stretch of cells lies in one hour of the clock. */
export function isOneHour(cells: readonly CountSpan[]): boolean {
  return cells.length === 0 || hourOf(cells[0]!.start) === hourOf(cells.at(-1)!.end - 1);
}

/** Splits cells into blocks that adjoin: never wider than `minutes` unless a single cell is. */
export function blocks(cells: readonly CountSpan[], width: number): (readonly CountSpan[])[] {
  const found: CountSpan[][] = [];
  for (const cell of cells) {
    const last = found.at(-1);
    if (last && last.at(-1)!.end === cell.start && cell.end - last[0]!.start <= width) last.push(cell);
    else found.push([cell]);
  }
  return found;
}

/** The form in which the grid is stored with the position: a number for a plain minute, else `[minutes, length, explained]`. */
export interface StoredCountLedger {
  readonly services: readonly string[];
  readonly start: number;
  readonly cells: readonly (number | readonly [width: number, length: number | null, explained: number])[];
}

export function toStored({ services, cells }: CountLedger): StoredCountLedger {
  return {
    services,
    start: cells[0]?.start ?? 0,
    cells: cells.map(({ start, end, length, explained }) =>
      end - start === 1 && length !== undefined && explained === 0 ? length : [end - start, length ?? null, explained],
    ),
  };
}

/** @returns undefined for anything that is no stored grid: it is then built again */
export function fromStored(value: unknown): CountLedger | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { services, start, cells } = value as Partial<StoredCountLedger>;
  if (!Array.isArray(services) || typeof start !== 'number' || !Array.isArray(cells)) return undefined;
  const found: CountSpan[] = [];
  let minute = start;
  for (const stored of cells as unknown[]) {
    const [width, length, explained] = (Array.isArray(stored) ? stored : [1, stored, 0]) as unknown[];
    const sound =
      Number.isSafeInteger(width) &&
      (width as number) > 0 &&
      Number.isSafeInteger(explained) &&
      (length === null || (Number.isSafeInteger(length) && (length as number) >= 0));
    if (!sound) return undefined;
    found.push({
      start: minute,
      end: minute + (width as number),
      length: length === null ? undefined : (length as number),
      explained: explained as number,
    });
    minute += width as number;
  }
  return { services: services.map(String), cells: found };
}

function hourOf(minute: number): number {
  return Math.floor(minute / MINUTES_PER_HOUR);
}

function join(a: CountSpan, b: CountSpan): CountSpan {
  const length = a.length === undefined || b.length === undefined ? undefined : a.length + b.length;
  return { start: a.start, end: b.end, length, explained: a.explained + b.explained };
}

function total({ start, end }: CountSpan, minutes: MinuteCounts): number {
  let found = 0;
  for (const [minute, length] of minutes) if (minute >= start && minute < end) found += length;
  return found;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
