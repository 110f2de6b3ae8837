import { formatInstant, formatSecond, parseInstant } from '../mappings/instant.js';
import { collect, type ReadSoFar } from './collect.js';
import { countRefusals } from './count.js';
import { type Cursor, firstCursor, originOf, secondOf } from './cursor.js';
import { asCollectorError, CollectorError, type ErrorCode } from './errors.js';
import { type FeedParts, type FeedSettings, openLive, refuseForeignState } from './feed.js';
import { nothingGathered } from './gather.js';
import type { Search } from './jumpcloud/source.js';
import { Lane } from './lane.js';
import { backfillLane, backfillRange, type Range, uncovered } from './ranges.js';
import { type ReadAheadLimits, readAhead, type SearchAhead } from './read-ahead.js';
import { slices, type Window } from './window.js';

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

/** What a backfill would do, or did. */
export interface BackfillPlan {
  /** What is to be read, after everything that other lanes own is taken out. */
  readonly ranges: readonly Range[];
  /** Why the ranges differ from what was asked; one sentence each. */
  readonly notes: readonly string[];
  /** The first second that JumpCloud still gives, where that is not the first one asked for. */
  readonly firstAvailable: number | undefined;
}

/** How much a backfill takes in hand at a time. */
export interface BackfillLimits extends ReadAheadLimits {
  /** Records a single search may hold, by JumpCloud's count, before its window is split. */
  readonly largestSearch: number;
}

const DAY = 86_400;
/** Nobody waits for a backfill's records one by one: larger commits make fewer and larger files. */
const BATCHES_A_COMMIT = 2;
/** Searches at the same time, and bytes of pages that wait for their turn: parsed, they take several times as much. */
const usualLimits: BackfillLimits = { searches: 3, bytes: 3 * 1024 * 1024, largestSearch: 10_000 };
/** Answers to a start that lies before what JumpCloud keeps (reference: Directory Insights, 402 and retention). */
const TOO_OLD: ReadonlySet<ErrorCode> = new Set(['NOT_LICENSED', 'QUERY_REFUSED']);

/**
 * Cuts what was asked down to what no other lane owns and what JumpCloud still gives: the live lane has everything from
 * the feed's origin on, a finished backfill its own range; an unfinished one is gone on with. Unless it is a dry run it
 * fixes the feed's origin where the feed has never run.
 * @throws CollectorError where JumpCloud refuses even the newest part
 */
export async function planBackfill(
  asked: Range,
  settings: FeedSettings,
  parts: FeedParts,
  { dryRun = false, signal = new AbortController().signal }: { dryRun?: boolean; signal?: AbortSignal } = {},
): Promise<BackfillPlan> {
  const live = dryRun ? await storedCursor(settings, parts) : await liveCursor(settings, parts);
  const notes: string[] = [];
  const now = Math.floor(parts.serverNow() / 1000);
  const origin = live ? Math.max(...settings.services.map((service) => originOf(live, service))) : settings.start(now);
  const to = Math.min(asked.to, origin);
  if (to < asked.to) {
    notes.push(`The feed itself has collected from ${formatSecond(origin)} on: the backfill ends there.`);
  }
  if (asked.from >= to) return { ranges: [], notes, firstAvailable: undefined };
  const { unfinished, all } = await otherBackfills({ from: asked.from, to }, settings, parts, notes);
  const open = uncovered({ from: asked.from, to }, all);
  const firstAvailable = open.length === 0 ? undefined : await firstGiven(open, settings.services, parts, signal);
  if (firstAvailable !== undefined) {
    notes.push(
      `JumpCloud no longer gives what is older than ${formatSecond(firstAvailable)}: the backfill begins there.`,
    );
  }
  const kept = open
    .map((range) => ({ ...range, from: Math.max(range.from, firstAvailable ?? range.from) }))
    .filter((range) => range.from < range.to);
  return { ranges: [...unfinished, ...kept].sort((a, b) => a.from - b.from), notes, firstAvailable };
}

/** Backfill lanes that touch a range: those to go on with, and all of them. */
async function otherBackfills(
  asked: Range,
  settings: FeedSettings,
  parts: FeedParts,
  notes: string[],
): Promise<{ unfinished: Range[]; all: Range[] }> {
  const unfinished: Range[] = [];
  const all: Range[] = [];
  for (const lane of await parts.sink.lanes()) {
    const range = backfillRange(lane);
    if (range === undefined || range.from >= asked.to || range.to <= asked.from) continue;
    all.push(range);
    const cursor = await parts.sink.peek(lane);
    const span = `${formatSecond(range.from)} to ${formatSecond(range.to)}`;
    if (cursor !== undefined && secondOf(cursor.settled) < range.to) {
      unfinished.push(range);
      notes.push(`An earlier backfill of ${span} did not finish: it goes on at ${cursor.settled}.`);
      continue;
    }
    notes.push(`${span} was filled by an earlier backfill.`);
    const missing = settings.services.filter((service) => cursor && !cursor.services.includes(service));
    if (missing.length > 0)
      notes.push(`That one did not ask for ${missing.join(', ')}: use another feed name for these.`);
  }
  return { unfinished, all };
}

/** The first second, by whole days, that JumpCloud does not refuse; undefined where it refuses nothing. */
async function firstGiven(
  ranges: readonly Range[],
  services: readonly string[],
  parts: FeedParts,
  signal: AbortSignal,
): Promise<number | undefined> {
  const from = ranges[0]!.from;
  const to = ranges.at(-1)!.to;
  const refusal = await refusalAt(from, to, services, parts, signal);
  if (refusal === undefined) return undefined;
  let refused = Math.floor(from / DAY);
  let given = Math.floor((to - 1) / DAY);
  if (given <= refused || (await refusalAt(given * DAY, to, services, parts, signal)) !== undefined) throw refusal;
  while (given - refused > 1) {
    const middle = Math.floor((refused + given) / 2);
    if ((await refusalAt(middle * DAY, to, services, parts, signal)) === undefined) given = middle;
    else refused = middle;
  }
  return given * DAY;
}

/** JumpCloud's refusal of a search that begins at a second; undefined where it answers. */
async function refusalAt(
  start: number,
  to: number,
  services: readonly string[],
  parts: FeedParts,
  signal: AbortSignal,
): Promise<CollectorError | undefined> {
  const pages = parts.source.pages({ services, start, end: Math.min(start + 60, to) }, signal);
  try {
    await pages.next();
    return undefined;
  } catch (error) {
    if (error instanceof CollectorError && TOO_OLD.has(error.code)) return error;
    throw error;
  } finally {
    await pages.return();
  }
}

/**
 * Collects one range into its own lane, oldest first; a lane that was broken off goes on where it stands. Searches run
 * side by side, what they bring is delivered in order, so that the position is always a whole second.
 */
export async function runBackfill(
  range: Range,
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
  onProgress: (progress: BackfillProgress) => void,
  limits: BackfillLimits = usualLimits,
): Promise<void> {
  const name = backfillLane(range);
  const live = await liveCursor(settings, parts);
  const lane = await Lane.open(name, parts.sink, parts.clock, parts.observer, (stored) => {
    if (stored) refuseForeignState(stored, settings);
    return stored ?? firstBackfillCursor(name, range, live, settings, parts);
  });
  try {
    await skipWhatIsGone(lane, range, parts, signal);
    const from = Math.min(secondOf(lane.cursor.settled), range.to);
    const progress = await progressOf(lane, { from, to: range.to }, range, parts, signal, onProgress);
    progress();
    const larger = { ...settings, batchSize: settings.batchSize * BATCHES_A_COMMIT };
    const searches = closedSearches({ from, to: range.to }, lane.cursor.services, parts, signal, limits.largestSearch);
    for await (const { search, pages } of opened(readAhead(parts.source, searches, limits, signal))) {
      const source = { pages, count: parts.source.count };
      await collectSlice(lane, search, live, larger, { ...parts, source }, signal, progress);
      if (signal.aborted) return;
    }
  } catch (error) {
    if (!signal.aborted || asCollectorError(error).code !== 'ABORTED') throw error;
  } finally {
    await lane.close();
  }
}

/** Each search with its pages as a function of its own, as a source has it. */
async function* opened(searches: AsyncGenerator<SearchAhead, void, void>) {
  for await (const ahead of searches) yield { search: ahead.search, pages: () => ahead.pages() };
}

/** Closed searches over a range, oldest first: as wide as the count of one search allows; days where there is no count. */
async function* closedSearches(
  range: Range,
  services: readonly string[],
  parts: FeedParts,
  signal: AbortSignal,
  largest: number,
): AsyncGenerator<Search & Window> {
  if (range.from >= range.to) return;
  const whole = { start: range.from, end: range.to };
  for await (const window of splitByCount(whole, services, parts, signal, largest)) yield { services, ...window };
}

/** A lane that was broken off long ago may stand where JumpCloud no longer gives anything: it goes on after that. */
async function skipWhatIsGone(lane: Lane, range: Range, parts: FeedParts, signal: AbortSignal): Promise<void> {
  const from = secondOf(lane.cursor.settled);
  if (!lane.resumed || from >= range.to) return;
  const first = await firstGiven([{ from, to: range.to }], lane.cursor.services, parts, signal);
  if (first === undefined) return;
  parts.observer.noted(
    lane.name,
    `JumpCloud no longer gives what is older than ${formatSecond(first)}: records from ${lane.cursor.settled} to there were not collected and cannot be any more`,
  );
  await lane.commit(nothingGathered, { settled: formatSecond(first) });
}

async function progressOf(
  lane: Lane,
  left: Range,
  range: Range,
  parts: FeedParts,
  signal: AbortSignal,
  onProgress: (progress: BackfillProgress) => void,
): Promise<() => void> {
  const window = { start: left.from, end: left.to };
  const expected = left.from < left.to ? await countOrUnknown(lane.cursor.services, window, parts, signal) : 0;
  const before = lane.cursor.counts.records;
  const started = parts.clock.monotonic();
  return () => {
    const records = lane.cursor.counts.records - before;
    const settled = secondOf(lane.cursor.settled);
    const seconds = (parts.clock.monotonic() - started) / 1000;
    const share = expected ? Math.min(1, records / expected) : (settled - left.from) / Math.max(1, left.to - left.from);
    const perSecond = seconds > 0 ? records / seconds : 0;
    const secondsLeft = share > 0 ? (seconds / share) * (1 - share) : undefined;
    onProgress({ lane: lane.name, ...range, settled, records, expected, perSecond, secondsLeft });
  };
}

async function collectSlice(
  lane: Lane,
  search: Search,
  live: Cursor,
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
  progress: () => void,
): Promise<void> {
  const end = search.end ?? search.start;
  const advance = (read: ReadSoFar) => {
    progress();
    const readTo = read.complete ? end : Math.min(read.readTo ?? search.start, end);
    const newest = read.newest !== undefined && read.newest > (parseInstant(lane.cursor.newest) ?? 0n);
    return {
      organization: lane.cursor.organization ?? read.organization,
      settled: formatSecond(Math.max(secondOf(lane.cursor.settled), readTo)),
      newest: newest && read.newest !== undefined ? formatInstant(read.newest) : lane.cursor.newest,
    };
  };
  const scope = {
    ownedFrom: () => search.start,
    ownedTo: (service: string) => Math.min(end, originOf(live, service)),
    rememberedFrom: () => Number.NEGATIVE_INFINITY,
    lateBefore: undefined,
    known: async () => new Set<string>(),
  };
  await collect(lane, { search, scope, advance }, settings, parts, signal);
  progress();
}

/** Halves a window until no part holds more than one search should; into days where JumpCloud gives no count. */
async function* splitByCount(
  window: Window,
  services: readonly string[],
  parts: FeedParts,
  signal: AbortSignal,
  largest: number,
): AsyncGenerator<Window> {
  const end = window.end ?? window.start;
  const count = await countOrUnknown(services, window, parts, signal);
  if (count === undefined) return yield* slices(window.start, end, DAY);
  const middle = Math.floor((window.start + end) / 2);
  if (count <= largest || middle <= window.start) return yield window;
  yield* splitByCount({ start: window.start, end: middle }, services, parts, signal, largest);
  yield* splitByCount({ start: middle, end }, services, parts, signal, largest);
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
    if (error instanceof CollectorError && countRefusals.has(error.code)) return undefined;
    throw error;
  }
}

/** The live lane's cursor, where the feed has ever run. */
async function storedCursor(settings: FeedSettings, parts: FeedParts): Promise<Cursor | undefined> {
  const stored = await parts.sink.peek('live');
  if (stored) refuseForeignState(stored, settings);
  return stored;
}

/** The live lane's cursor; where the feed has never run, its first one is stored now, because it fixes the origin. */
async function liveCursor(settings: FeedSettings, parts: FeedParts): Promise<Cursor> {
  const stored = await storedCursor(settings, parts);
  if (stored) return stored;
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
