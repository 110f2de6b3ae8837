import { earlierOf } from '../clock.js';
import { CollectorError } from '../errors.js';
import { nothingGathered } from '../pipeline/batch-builder.js';
import type { CollectParts, CollectSettings, ReadSoFar } from '../pipeline/collect.js';
import type { Lane } from '../pipeline/lane.js';
import type { ReconcileReport } from '../pipeline/observer.js';
import { type Counts, type Cursor, originOf, secondOf } from '../position/cursor.js';
import { steppedBackIn, inMemory as steppedBackInMemory } from '../position/step-back.js';
import { comparableHours, compareHours, needComparing } from './compare-hours.js';
import { reconciledHours } from './hour-report.js';
import { type BatchHour, begunAnew, inMemory, shownAnew, tallyOf } from './hourly-tally.js';
import {
  blocks,
  type Cell,
  cellsFrom,
  cellsOfHour,
  cutBack,
  endOf,
  expectedCount,
  extended,
  forServices,
  fromStored,
  type Grid,
  isOneHour,
  middleOf,
  reread,
  settled as settledBy,
  toStored,
  trimmed,
} from './minute-counts.js';
import { readAnew } from './reread.js';
import { Counter, CountRefused } from './source-count.js';

/** How far back a live lane compares what it read with JumpCloud's count, and how often. */
export interface ReconcileSettings {
  /** Milliseconds between two passes over the short reach. */
  readonly interval: number;
  /** Seconds. */
  readonly reach: number;
  /** Milliseconds between two passes over the long reach. */
  readonly longInterval: number;
  /** Seconds. */
  readonly longReach: number;
}

/** What is remembered with the position under the name `reconcile`. */
interface ReconcileMemory {
  readonly grid: Grid;
  /** RFC 3339: the last finished passes. */
  readonly short: string | undefined;
  readonly long: string | undefined;
}

/** Name of this part's place in the cursor's memory. */
const PLACE = 'reconcile';
/** A stretch of at most so many minutes and records is read anew rather than counted further: a count costs a request too. */
const SMALL_MINUTES = 15;
const SMALL_RECORDS = 1_000;
/** An hour of at most so many records is read as a whole to count those of types that are not selected: ten pages or so. */
const SMALL_HOUR_RECORDS = 10_000;
/** Minutes of one search where everything is read anew. */
const WIDE_MINUTES = 60;
const MINUTE = 60;
const MINUTES_OF_HOUR = 60;
/** The grid keeps single minutes for this long beyond the short reach, then hours. */
const FINE_MARGIN = 60;
/**
 * The cursor's memory after (part of) a search of the lane's common services: the minutes that now lie behind the
 * position join the grid with what the search has shown of them.
 * @param settled the new position, whole second
 */
export function followed(
  cursor: Cursor,
  search: { readonly start: number; readonly end?: number | undefined },
  read: Pick<ReadSoFar, 'complete' | 'readTo' | 'lengths'>,
  settled: number,
  settings: ReconcileSettings,
): Readonly<Record<string, unknown>> {
  const memory = memoryOf(cursor);
  const to = Math.floor(settled / MINUTE);
  const origin = Math.max(...cursor.services.map((service) => originOf(cursor, service)));
  const first = Math.max(Math.ceil(origin / MINUTE), Math.floor(secondOf(cursor.settled) / MINUTE));
  const readTo = read.complete && search.end === undefined ? settled : (read.readTo ?? search.start);
  const minutes = {
    start: Math.ceil(search.start / MINUTE),
    end: Math.floor(readTo / MINUTE),
    lengths: read.lengths,
  };
  const fine = to - settings.reach / MINUTE - FINE_MARGIN;
  const same = forServices(memory.grid, cursor.services, to - settings.reach / MINUTE);
  const grid = trimmed(extended(same, first, to, minutes), to - settings.longReach / MINUTE, fine);
  return stored({ ...memory, grid });
}

/**
 * The memory of a cursor whose position was stepped back: the next pass compares everything within the long reach, and
 * reads what the damaged position may have passed over.
 * @param services those that the lane collects
 */
export function cutBackTo(
  cursor: Cursor,
  services: readonly string[],
  settings: ReconcileSettings,
): Readonly<Record<string, unknown>> {
  const memory = memoryOf(cursor);
  const to = Math.floor(secondOf(cursor.settled) / MINUTE);
  const origin = Math.max(...services.map((service) => originOf(cursor, service)));
  const from = Math.max(Math.ceil(origin / MINUTE), to - settings.longReach / MINUTE);
  const grid = memory.grid.services.length === 0 ? { services, cells: [] } : memory.grid;
  return { ...stored({ ...memory, grid: cutBack(grid, from, to) }), ...begunAnew(cursor) };
}

/** Runs the passes of a live lane when they are due. Kept as long as the process: what failed is not tried at once again. */
export class Reconciler {
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(private readonly settings: ReconcileSettings) {}

  /**
   * Compares, and delivers what is found, where a pass is due.
   * @param budget milliseconds that it may take
   * @returns undefined where nothing was due
   */
  async whenDue(
    lane: Lane,
    settings: CollectSettings,
    parts: CollectParts,
    budget: number,
    signal: AbortSignal,
  ): Promise<ReconcileReport | undefined> {
    if (parts.clock.monotonic() < this.#notBefore) return undefined;
    const { short, long } = memoryOf(lane.cursor);
    const now = parts.clock.now();
    const healing = steppedBackIn(lane.cursor) !== undefined;
    const isLong = healing || (long !== undefined && isDue(long, this.settings.longInterval, now));
    if (!isLong && short !== undefined && !isDue(short, this.settings.interval, now)) return undefined;
    // A pass that fails is repeated no sooner than the next would be due.
    this.#notBefore = parts.clock.monotonic() + this.settings.interval;
    // What came within reach while no pass was finished (a stop, an outage, a slow API) must not leave it unseen.
    const missed = short === undefined ? 0 : Math.max(0, (now - Date.parse(short)) / 1000);
    const reach = isLong ? this.settings.longReach : Math.min(this.settings.longReach, this.settings.reach + missed);
    const pass = new Pass(lane, settings, parts, parts.clock.monotonic() + budget, signal);
    if (!(await pass.compare(reach))) {
      this.#notBefore = Number.NEGATIVE_INFINITY;
      return pass.report(false);
    }
    const at = new Date(now).toISOString();
    const memory = memoryOf(lane.cursor);
    await lane.commit(nothingGathered, {
      memory: {
        ...lane.cursor.memory,
        ...stored({ grid: pass.grid, short: at, long: isLong ? at : (memory.long ?? at) }),
        ...steppedBackInMemory(undefined),
      },
    });
    await pass.compareHours(isLong);
    return pass.report(true);
  }
}

/** One comparison, from the end of the grid back. */
class Pass {
  grid: Grid;
  readonly #counter: Counter;
  readonly #before: number;
  readonly #end: number;
  #from = 0;
  /** Hours in which a search has shown more than before without finding as much to deliver. */
  readonly #grown = new Set<number>();
  #reread = 0;
  #unknown = 0;
  #reason: string | undefined;
  #countsRefused = false;

  constructor(
    private readonly lane: Lane,
    private readonly settings: CollectSettings,
    private readonly parts: CollectParts,
    private readonly deadline: number,
    private readonly signal: AbortSignal,
  ) {
    this.grid = memoryOf(lane.cursor).grid;
    this.#before = delivered(lane.cursor.counts);
    this.#end = endOf(this.grid) ?? 0;
    this.#counter = new Counter(parts.source, signal);
  }

  /** Compares over all services, and delivers what is found. False: out of time. */
  async compare(reach: number): Promise<boolean> {
    // A grid that ran ahead must not leave the present out.
    const now = Math.floor(earlierOf(this.parts.clocks()) / 1000 / MINUTE);
    this.#from = Math.min(this.#end, now) - Math.ceil(reach / MINUTE);
    if (this.#inReach.length === 0) return true;
    return (await this.#readUnread(this.#inReach)) && (await this.#compareAll(this.#inReach));
  }

  /**
   * Compares the whole hours within reach, and those since the last comparison, service by service, and stores the
   * figures: where an hour has come behind the grid, where something was read or delivered since, and always when `all`.
   */
  async compareHours(all: boolean): Promise<void> {
    const { lane } = this;
    const tally = () => tallyOf(lane.cursor);
    const ownedFrom = (service: string) => originOf(lane.cursor, service);
    // After a first start or a long rest the hours since the last comparison lie beyond the reach of a pass.
    const since = ((tally().compared ?? -1) + 1) * MINUTES_OF_HOUR;
    const hours = comparableHours(this.grid, tally(), Math.min(this.#from, since));
    const isDue = all || this.#reread > 0 || needComparing(hours, tally(), this.grid, ownedFrom);
    if (this.#countsRefused || hours.length === 0 || !isDue) return;
    try {
      const compared = await compareHours(hours, {
        counter: this.#counter,
        grid: () => this.grid,
        tally,
        ownedFrom,
        mustRead: (hour) => this.#mustRead(hour),
        readHour: (hour) => this.#readHour(hour),
        isOver: () => this.#isOver(),
      });
      const { cursor } = lane;
      const grid = stored({ ...memoryOf(cursor), grid: this.grid });
      await lane.commit(nothingGathered, { memory: { ...cursor.memory, ...grid, ...inMemory(compared) } });
    } catch (error) {
      // Refused in the midst of it: what was not compared stays unknown until the next pass.
      if (!(error instanceof CountRefused)) throw error;
      this.#reason = `JumpCloud gives no counts (${error.reason.message}).`;
    }
  }

  report(finished: boolean): ReconcileReport {
    const cells = this.#inReach;
    return {
      from: (cells[0]?.start ?? this.#end) * MINUTE,
      to: this.#end * MINUTE,
      asked: this.#counter.asked,
      reread: this.#reread,
      found: delivered(this.lane.cursor.counts) - this.#before,
      explained: cells.reduce((sum, { explained }) => sum + Math.abs(explained), 0),
      unknown: this.#unknown,
      reason: this.#reason,
      finished,
      ...reconciledHours(this.lane.cursor),
    };
  }

  get #inReach(): readonly Cell[] {
    return cellsFrom(this.grid, this.#from);
  }

  /** Reads what was never read in full: a gap, or the time before the services changed. False: out of time. */
  async #readUnread(cells: readonly Cell[]): Promise<boolean> {
    for (const block of blocks(
      cells.filter(({ length }) => length === undefined),
      WIDE_MINUTES,
    )) {
      if (this.#isOver()) return false;
      await this.#read(block);
    }
    return true;
  }

  async #compareAll(cells: readonly Cell[]): Promise<boolean> {
    try {
      for (const known of blocks(
        cells.filter(({ length }) => length !== undefined),
        Number.POSITIVE_INFINITY,
      )) {
        if (!(await this.#compare(known))) return false;
      }
      return true;
    } catch (error) {
      if (!(error instanceof CountRefused)) throw error;
      this.#countsRefused = true;
      this.#reason = `JumpCloud gives no counts (${error.reason.message}): everything is read anew instead.`;
      return this.#readAll(cells);
    }
  }

  /** Halves a stretch whose count has changed until it is small enough to be read. False: out of time. */
  async #compare(cells: readonly Cell[]): Promise<boolean> {
    if (this.#isOver()) return false;
    const expected = expectedCount(cells);
    const [from, to] = [cells[0]!.start, cells.at(-1)!.end];
    const count = await this.#counter.count(this.grid.services, from * MINUTE, to * MINUTE, expected);
    if (count === expected) return true;
    const isSmall = to - from <= SMALL_MINUTES && count <= SMALL_RECORDS && isOneHour(cells);
    if (cells.length === 1 || isSmall) {
      if (await this.#read(cells)) this.grid = settledBy(this.grid, from, to, count);
      return true;
    }
    const middle = middleOf(cells);
    return (await this.#compare(cells.slice(0, middle))) && (await this.#compare(cells.slice(middle)));
  }

  /** False: out of time. */
  async #readAll(cells: readonly Cell[]): Promise<boolean> {
    for (const block of blocks(cells, WIDE_MINUTES)) {
      if (this.#isOver()) return false;
      await this.#read(block);
    }
    return true;
  }

  #mustRead(hour: number): boolean {
    const expected = expectedCount(cellsOfHour(this.grid, hour) ?? []) ?? Number.POSITIVE_INFINITY;
    return this.#grown.has(hour) && expected <= SMALL_HOUR_RECORDS;
  }

  /** Reads an hour anew and settles what JumpCloud counts otherwise. False where the sink cannot tell what it holds. */
  async #readHour(hour: number): Promise<boolean> {
    const cells = cellsOfHour(this.grid, hour);
    if (cells === undefined || !(await this.#read(cells, hour))) return false;
    this.#grown.delete(hour);
    const [from, to] = [cells[0]!.start, cells.at(-1)!.end];
    const expected = expectedCount(cellsOfHour(this.grid, hour) ?? []);
    const count = await this.#counter.count(this.grid.services, from * MINUTE, to * MINUTE, expected);
    this.grid = settledBy(this.grid, from, to, count);
    return true;
  }

  /**
   * Reads cells anew and delivers what the sink does not hold. False where the sink cannot tell.
   * @param hour since the epoch, where the cells are just that hour
   */
  async #read(cells: readonly Cell[], hour?: number): Promise<boolean> {
    const [from, to] = [cells[0]!.start, cells.at(-1)!.end];
    const { lane } = this;
    if (!lane.tells) return this.#cannotKnow(to - from, 'This sink cannot tell what it holds.');
    const [start, end] = [from * MINUTE, to * MINUTE];
    const before = delivered(lane.cursor.counts);
    const batches: BatchHour[] = [];
    const advance = (read: ReadSoFar) => {
      batches.push(...read.hours);
      if (read.complete) this.grid = reread(this.grid, { start: from, end: to, lengths: read.lengths });
      const tally = tallyOf(lane.cursor);
      const shown = read.complete && hour !== undefined ? shownAnew(tally, hour, batches) : tally;
      const grid = stored({ ...memoryOf(lane.cursor), grid: this.grid });
      return { memory: { ...lane.cursor.memory, ...grid, ...inMemory(shown) } };
    };
    const ownedFrom = (service: string) => originOf(lane.cursor, service);
    const stretch = { services: this.grid.services, start, end, ownedFrom, ownedTo: () => end };
    try {
      await readAnew(lane, stretch, this.settings, this.parts, this.signal, advance);
    } catch (error) {
      if (!(error instanceof CollectorError) || error.code !== 'SINK_REFUSED' || lane.broken) throw error;
      return this.#cannotKnow(to - from, error.message);
    }
    this.#reread += to - from;
    this.#noteGrowth(cells, delivered(lane.cursor.counts) - before);
    return true;
  }

  /** Records of types that are not selected have no identity in the sink: that some are new shows in their number alone. */
  #noteGrowth(cells: readonly Cell[], found: number): void {
    const [from, to] = [cells[0]!.start, cells.at(-1)!.end];
    const lengthOf = (read: readonly Cell[]) => expectedCount(read.map((cell) => ({ ...cell, explained: 0 })));
    const now = this.grid.cells.filter((cell) => cell.start >= from && cell.end <= to);
    const old = lengthOf(cells);
    if (old !== undefined && (lengthOf(now) ?? 0) - old <= found) return;
    for (let hour = Math.floor(from / MINUTES_OF_HOUR); hour * MINUTES_OF_HOUR < to; hour += 1) this.#grown.add(hour);
  }

  #cannotKnow(minutes: number, reason: string): false {
    this.#unknown += minutes;
    this.#reason = reason;
    return false;
  }

  #isOver(): boolean {
    return this.signal.aborted || this.parts.clock.monotonic() > this.deadline;
  }
}

function memoryOf(cursor: Cursor): ReconcileMemory {
  const value = cursor.memory[PLACE];
  const { grid, short, long } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  return {
    grid: fromStored(grid) ?? { services: cursor.services, cells: [] },
    short: typeof short === 'string' ? short : undefined,
    long: typeof long === 'string' ? long : undefined,
  };
}

function stored({ grid, short, long }: ReconcileMemory): Readonly<Record<string, unknown>> {
  return { [PLACE]: { grid: toStored(grid), ...(short && { short }), ...(long && { long }) } };
}

/** A pass is due after its interval, and where the clock went back before it. */
function isDue(last: string, interval: number, now: number): boolean {
  const since = now - Date.parse(last);
  return !(since >= 0 && since < interval);
}

function delivered({ events, deadLetters, raw }: Counts): number {
  return events + deadLetters + raw;
}
