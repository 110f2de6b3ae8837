import { formatInstant, formatSecond, parseInstant } from '../mappings/instant.js';
import { collect, type ReadSoFar } from './collect.js';
import { type Cursor, firstCursor, originOf, secondOf } from './cursor.js';
import { CollectorError } from './errors.js';
import { type FeedParts, type FeedSettings, openLive, refuseForeignState } from './feed.js';
import { Lane } from './lane.js';
import { backfillLane, backfillRange, type Range, uncovered } from './ranges.js';
import { slices, type Window } from './window.js';

/** How far a backfill has come. */
export interface BackfillProgress {
  readonly lane: string;
  readonly from: number;
  readonly to: number;
  /** Whole second up to which everything is delivered. */
  readonly settled: number;
  readonly records: number;
  /** JumpCloud's own count for the whole range; undefined where it gives none. */
  readonly expected: number | undefined;
}

/** What a backfill would do, or did. */
export interface BackfillPlan {
  /** What is to be read, after everything that other lanes own is taken out. */
  readonly ranges: readonly Range[];
  /** Why the ranges differ from what was asked; one sentence each. */
  readonly notes: readonly string[];
}

/** Records a single search may hold before its window is split. */
const LARGEST_SEARCH = 20_000;
const DAY = 86_400;

/**
 * Cuts what was asked down to what no other lane owns: the live lane has everything from the feed's origin on, an
 * earlier backfill its own range. Fixes the feed's origin where the feed has never run.
 */
export async function planBackfill(asked: Range, settings: FeedSettings, parts: FeedParts): Promise<BackfillPlan> {
  const live = await liveCursor(settings, parts);
  const notes: string[] = [];
  const origin = Math.max(...settings.services.map((service) => originOf(live, service)));
  const to = Math.min(asked.to, origin);
  if (to < asked.to) {
    notes.push(`The feed itself has collected from ${formatSecond(origin)} on: the backfill ends there.`);
  }
  const others = (await parts.sink.lanes()).flatMap((lane) => backfillRange(lane) ?? []);
  const same = others.some((other) => other.from === asked.from && other.to === to);
  if (same) return { ranges: [{ from: asked.from, to }], notes };
  const ranges = asked.from < to ? uncovered({ from: asked.from, to }, others) : [];
  const covered = others.filter((other) => other.from < to && other.to > asked.from);
  for (const other of covered) {
    notes.push(
      `${formatSecond(other.from)} to ${formatSecond(other.to)} belongs to an earlier backfill: repeat that one if it did not finish.`,
    );
  }
  return { ranges, notes };
}

/** Collects one range into its own lane, oldest first; a lane that was broken off goes on where it stands. */
export async function runBackfill(
  range: Range,
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
  onProgress: (progress: BackfillProgress) => void,
): Promise<void> {
  const name = backfillLane(range);
  const live = await liveCursor(settings, parts);
  const lane = await Lane.open(name, parts.sink, parts.clock, parts.observer, (stored) => {
    if (stored) refuseForeignState(stored, settings);
    return stored ?? firstBackfillCursor(name, range, live, settings, parts);
  });
  try {
    const report = { lane: name, ...range };
    const from = Math.min(secondOf(lane.cursor.settled), range.to);
    const expected = await countOrUnknown(settings.services, { start: from, end: range.to }, parts, signal);
    const before = lane.cursor.counts.records;
    const progress = () =>
      onProgress({
        ...report,
        settled: secondOf(lane.cursor.settled),
        records: lane.cursor.counts.records - before,
        expected,
      });
    progress();
    for (const day of slices(from, range.to, DAY)) {
      for await (const window of splitByCount(day, lane.cursor.services, parts, signal)) {
        if (signal.aborted) return;
        await collectSlice(lane, window, live, settings, parts, signal, progress);
      }
    }
  } finally {
    await lane.close();
  }
}

async function collectSlice(
  lane: Lane,
  window: Window,
  live: Cursor,
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
  progress: () => void,
): Promise<void> {
  const end = window.end ?? window.start;
  const advance = (read: ReadSoFar) => {
    progress();
    const readTo = read.complete ? end : Math.min(read.readTo ?? window.start, end);
    const newest = read.newest !== undefined && read.newest > (parseInstant(lane.cursor.newest) ?? 0n);
    return {
      organization: lane.cursor.organization ?? read.organization,
      settled: formatSecond(Math.max(secondOf(lane.cursor.settled), readTo)),
      newest: newest && read.newest !== undefined ? formatInstant(read.newest) : lane.cursor.newest,
    };
  };
  const scope = {
    ownedFrom: () => window.start,
    ownedTo: (service: string) => Math.min(end, originOf(live, service)),
    rememberedFrom: () => Number.NEGATIVE_INFINITY,
    lateBefore: undefined,
    known: async () => new Set<string>(),
  };
  await collect(
    lane,
    { search: { services: lane.cursor.services, start: window.start, end }, scope, advance },
    settings,
    parts,
    signal,
  );
  progress();
}

/** Halves a window until no part holds more than one search should; unsplit where JumpCloud gives no count. */
async function* splitByCount(
  window: Window,
  services: readonly string[],
  parts: FeedParts,
  signal: AbortSignal,
): AsyncGenerator<Window> {
  const end = window.end ?? window.start;
  const count = await countOrUnknown(services, window, parts, signal);
  const middle = Math.floor((window.start + end) / 2);
  if (count === undefined || count <= LARGEST_SEARCH || middle <= window.start) {
    yield window;
    return;
  }
  yield* splitByCount({ start: window.start, end: middle }, services, parts, signal);
  yield* splitByCount({ start: middle, end }, services, parts, signal);
}

async function countOrUnknown(
  services: readonly string[],
  window: Window,
  parts: FeedParts,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    return await parts.source.count({ services, ...window }, signal);
  } catch (error) {
    if (error instanceof CollectorError && error.code === 'QUERY_REFUSED') return undefined;
    throw error;
  }
}

/** The live lane's cursor; where the feed has never run, its first one is stored now, because it fixes the origin. */
async function liveCursor(settings: FeedSettings, parts: FeedParts): Promise<Cursor> {
  const stored = await parts.sink.peek('live');
  if (stored) {
    refuseForeignState(stored, settings);
    return stored;
  }
  const lane = await openLive(settings, parts);
  await lane.close();
  return lane.cursor;
}

function firstBackfillCursor(
  lane: string,
  range: Range,
  live: Cursor,
  settings: FeedSettings,
  parts: FeedParts,
): Cursor {
  const first = firstCursor({
    feed: settings.name,
    lane,
    organization: live.organization,
    baseUrl: settings.baseUrl,
    start: range.from,
    services: settings.services,
    now: parts.clock.now(),
  });
  return { ...first, origin: live.origin, origins: live.origins };
}
