import { formatSecond } from '../../mappings/instant.js';
import { SECONDS_PER_DAY } from '../../mappings/time-units.js';
import { earlierOf } from '../clock.js';
import { asCollectorError, CollectorError } from '../errors.js';
import { firstGiven } from '../jumpcloud/insights/first-given.js';
import type { Search } from '../jumpcloud/insights/source.js';
import { emptyBatch } from '../pipeline/batch-builder.js';
import { collect, type ReadSoFar } from '../pipeline/collect.js';
import type { FeedDependencies, FeedSettings } from '../pipeline/dependencies.js';
import { Lane } from '../pipeline/lane.js';
import { refuseForeignState } from '../pipeline/organization-guard.js';
import { leadingIdentities } from '../pipeline/timeless-records.js';
import { type Cursor, serviceOwnedFrom } from '../position/cursor.js';
import type { Range } from '../position/time-range.js';
import { slices, type Window } from '../position/window.js';
import { type BackfillPart, liveCursor, narrowed } from './plan.js';
import { type PrefetchedSearch, type PrefetchLimits, prefetchSearches } from './prefetch-searches.js';

/** How far a backfill has come. */
export interface BackfillProgress {
  readonly lane: string;
  readonly from: number;
  readonly to: number;
  /** Whole second up to which everything is delivered. */
  readonly settled: number;
  /** Read since this run began. */
  readonly records: number;
  /** JumpCloud's own count for what was left when this run began; undefined where it gives none. */
  readonly expected: number | undefined;
  /** Records read in a second, on average of this run. */
  readonly perSecond: number;
  /** Undefined before the first records. */
  readonly secondsLeft: number | undefined;
}

/** How much a backfill takes in hand at a time. */
export interface BackfillLimits extends PrefetchLimits {
  /** Records a single search may hold, by JumpCloud's count, before its window is split. */
  readonly largestSearch: number;
}

/** Nobody waits for a backfill's records one by one: larger commits make fewer and larger files. */
const BATCHES_A_COMMIT = 2;
/** Searches at the same time, and bytes of pages that wait for their turn: parsed, they take several times as much. */
const USUAL_LIMITS: BackfillLimits = { searches: 3, bytes: 1024 * 1024, largestSearch: 10_000 };

/**
 * Collects one planned range into its own lane, oldest first, from where the lane stands. Searches run
 * side by side, what they bring is delivered in order, so that the position is always a whole second.
 */
export async function runBackfill(
  range: BackfillPart,
  feed: FeedSettings,
  deps: FeedDependencies,
  signal: AbortSignal,
  onProgress: (progress: BackfillProgress) => void,
  limits: BackfillLimits = USUAL_LIMITS,
): Promise<void> {
  const live = await liveCursor(feed, deps);
  const settings = narrowed(feed, range.types);
  const lane = await Lane.open(range.lane, deps.sink, deps.clock, deps.observer, (stored) => {
    if (stored === undefined) throw notPlanned(range);
    refuseForeignState(stored, settings);
    return stored;
  });
  try {
    await skipWhatIsGone(lane, range, deps, signal);
    const from = Math.min(lane.cursor.position.watermark, range.to);
    const progress = await progressOf(lane, { from, to: range.to }, range, deps, signal, onProgress);
    progress();
    const larger = { ...settings, batchSize: settings.batchSize * BATCHES_A_COMMIT };
    const searches = closedSearches(
      { from, to: range.to },
      lane.cursor.position.services,
      deps,
      signal,
      limits.largestSearch,
    );
    for await (const ahead of prefetchSearches(deps.source, searches, limits, deps.memory, signal)) {
      await collectSlice(lane, ahead, range, live, larger, deps, signal, progress);
      if (signal.aborted) return;
    }
  } catch (error) {
    if (!signal.aborted || asCollectorError(error).code !== 'ABORTED') throw error;
  } finally {
    await lane.close();
  }
}

function notPlanned({ lane }: BackfillPart): CollectorError {
  return new CollectorError('STATE_CORRUPT', `Lane ${lane} lost its position.`, {
    cure: 'Repeat the command: it plans what is left.',
  });
}

/** Closed searches over a range, oldest first: as wide as the count of one search allows; days where there is no count. */
async function* closedSearches(
  range: Range,
  services: readonly string[],
  deps: FeedDependencies,
  signal: AbortSignal,
  largest: number,
): AsyncGenerator<Search & Window> {
  if (range.from >= range.to) return;
  const whole = { start: range.from, end: range.to };
  for await (const window of splitByCount(whole, services, deps, signal, largest)) yield { services, ...window };
}

/** A lane that was broken off long ago may stand where JumpCloud no longer gives anything: it goes on after that. */
async function skipWhatIsGone(lane: Lane, range: Range, deps: FeedDependencies, signal: AbortSignal): Promise<void> {
  const from = lane.cursor.position.watermark;
  if (from >= range.to) return;
  const first = await firstGiven(deps.source, lane.cursor.position.services, { from, to: range.to }, signal);
  if (first === undefined) return;
  deps.observer({
    type: 'noted',
    lane: lane.name,
    message: `JumpCloud no longer gives what is older than ${formatSecond(first)}: records from ${formatSecond(lane.cursor.position.watermark)} to there were not collected and cannot be any more`,
  });
  await lane.commit(emptyBatch, { read: { services: lane.cursor.position.services, watermark: first } });
}

async function progressOf(
  lane: Lane,
  left: Range,
  range: Range,
  deps: FeedDependencies,
  signal: AbortSignal,
  onProgress: (progress: BackfillProgress) => void,
): Promise<() => void> {
  const window = { start: left.from, end: left.to };
  const expected = left.from < left.to ? await countOrUnknown(lane.cursor.position.services, window, deps, signal) : 0;
  const before = lane.cursor.counts.records;
  const started = deps.clock.monotonic();
  return () => {
    const records = lane.cursor.counts.records - before;
    const settled = lane.cursor.position.watermark;
    const seconds = (deps.clock.monotonic() - started) / 1000;
    const share = expected ? Math.min(1, records / expected) : (settled - left.from) / Math.max(1, left.to - left.from);
    const perSecond = seconds > 0 ? records / seconds : 0;
    const secondsLeft = share > 0 ? (seconds / share) * (1 - share) : undefined;
    onProgress({ lane: lane.name, ...range, settled, records, expected, perSecond, secondsLeft });
  };
}

async function collectSlice(
  lane: Lane,
  ahead: PrefetchedSearch,
  { to }: Range,
  live: Cursor,
  settings: FeedSettings,
  deps: FeedDependencies,
  signal: AbortSignal,
  progress: () => void,
): Promise<void> {
  const { search } = ahead;
  let theirs: ReadonlySet<string> | undefined;
  const end = search.end ?? search.start;
  const advance = (read: ReadSoFar) => {
    progress();
    const readTo = read.complete ? end : Math.min(read.readTo ?? search.start, end);
    const watermark = Math.max(lane.cursor.position.watermark, readTo);
    const { organization, newest: maxEventTime } = read;
    return { organization, maxEventTime, read: { services: search.services, watermark } };
  };
  const scope = {
    ownedFrom: () => search.start,
    ownedTo: (service: string) => Math.min(end, serviceOwnedFrom(live, service)),
    dedupeFrom: () => (end === to ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY),
    lateBefore: undefined,
    known: async (names: readonly string[]) => {
      theirs ??= await leadingNames(deps, search.services, to, signal);
      return new Set(names.filter((name) => theirs?.has(name)));
    },
  };
  await collect(lane, { search, scope, advance, pages: ahead.pages() }, settings, deps, signal);
  progress();
}

/**
 * The names of what has no time and lies on the very second that a range ends at: JumpCloud may show it to the lane that
 * begins there as well, whose it is.
 */
async function leadingNames(
  deps: FeedDependencies,
  services: readonly string[],
  second: number,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  // A search must not end in the future.
  if (second + 1 > Math.floor(earlierOf(deps.clocks()) / 1000)) return new Set();
  const leading = await leadingIdentities(deps.source, { services, start: second, end: second + 1 }, signal);
  return new Set(leading.flatMap(({ header, aliases }) => [header.uid, ...aliases]));
}

/** Halves a window until no part holds more than one search should; into days where JumpCloud gives no count. */
async function* splitByCount(
  window: Window,
  services: readonly string[],
  deps: FeedDependencies,
  signal: AbortSignal,
  largest: number,
): AsyncGenerator<Window> {
  const end = window.end ?? window.start;
  const count = await countOrUnknown(services, window, deps, signal);
  if (count === undefined) return yield* slices(window.start, end, SECONDS_PER_DAY);
  const middle = Math.floor((window.start + end) / 2);
  if (count <= largest || middle <= window.start) return yield window;
  yield* splitByCount({ start: window.start, end: middle }, services, deps, signal, largest);
  yield* splitByCount({ start: middle, end }, services, deps, signal, largest);
}

async function countOrUnknown(
  services: readonly string[],
  window: Window,
  deps: FeedDependencies,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    return await deps.source.count({ services, ...window }, signal);
  } catch (error) {
    if (error instanceof CollectorError && error.is('refusesCount')) return undefined;
    throw error;
  }
}
