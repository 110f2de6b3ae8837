import { servicesFor } from '../mappings/catalogue.js';
import { formatInstant, formatSecond, parseInstant } from '../mappings/instant.js';
import { collect, type ReadSoFar } from './collect.js';
import { countRefusals } from './count.js';
import { type Cursor, firstCursor, originOf, secondOf } from './cursor.js';
import { asCollectorError, CollectorError, type ErrorCode } from './errors.js';
import { type EventType, inOrder, sameTypes, typesRead, typesToRemember } from './event-types.js';
import type { FeedParts, FeedSettings } from './feed-parts.js';
import { nothingGathered } from './gather.js';
import type { Search } from './jumpcloud/source.js';
import { Lane } from './lane.js';
import { openLive, refuseForeignState } from './open-live.js';
import { backfillLane, backfillRange, type Range, type TypedRange, unread } from './ranges.js';
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

/** A range that one backfill lane fills, or goes on filling, with the event types that are this lane's. */
export interface BackfillPart extends TypedRange<EventType> {
  readonly lane: string;
}

/** What a backfill would do, or did. */
export interface BackfillPlan {
  /** What is to be read, after everything that other lanes own is taken out. */
  readonly ranges: readonly BackfillPart[];
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

export interface PlanOptions {
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly types?: readonly EventType[];
}

/**
 * Cuts what was asked down to what no other lane owns and what JumpCloud still gives: the live lane has everything from
 * the feed's origin on, a finished backfill the event types it read of its range; an unfinished one is gone on with.
 * Unless it is a dry run it fixes the feed's origin where the feed has never run.
 * @param types event types of this backfill alone; default: those of the feed
 * @throws CollectorError where JumpCloud refuses even the newest part
 */
export async function planBackfill(
  asked: Range,
  settings: FeedSettings,
  parts: FeedParts,
  { dryRun = false, signal = new AbortController().signal, types = [...settings.families] }: PlanOptions = {},
): Promise<BackfillPlan> {
  const live = dryRun ? await storedCursor(settings, parts) : await liveCursor(settings, parts);
  const notes: string[] = [];
  const now = Math.floor(parts.serverNow() / 1000);
  const { services } = narrowed(settings, types);
  const origin = live ? Math.max(...services.map((service) => originOf(live, service))) : settings.start(now);
  const to = Math.min(asked.to, origin);
  if (to < asked.to) notes.push(...endNotes(origin, types, settings));
  if (asked.from >= to) return { ranges: [], notes, firstAvailable: undefined };
  const wanted = { from: asked.from, to, types: inOrder(types) };
  const { unfinished, all } = await otherBackfills(wanted, settings, parts, notes);
  const open = unread(wanted, all);
  const firstAvailable = open.length === 0 ? undefined : await firstGiven(open, services, parts, signal);
  if (firstAvailable !== undefined) {
    notes.push(
      `JumpCloud no longer gives what is older than ${formatSecond(firstAvailable)}: the backfill begins there.`,
    );
  }
  const kept = open
    .map((range) => ({ ...range, from: Math.max(range.from, firstAvailable ?? range.from) }))
    .filter((range) => range.from < range.to)
    .map((range): BackfillPart => ({ ...range, lane: newLane(range, all, settings) }));
  return { ranges: [...unfinished, ...kept].sort((a, b) => a.from - b.from), notes, firstAvailable };
}

/** A feed's settings for a backfill of these event types. */
export function narrowed(settings: FeedSettings, types: readonly EventType[]): FeedSettings {
  if (sameTypes(types, settings.families)) return settings;
  return { ...settings, families: new Set(types), services: servicesFor(types) };
}

function endNotes(origin: number, types: readonly EventType[], settings: FeedSettings): string[] {
  const from = formatSecond(origin);
  const notes = [`The feed itself has collected from ${from} on: the backfill ends there.`];
  const never = inOrder(types).filter((type) => !settings.families.has(type));
  if (never.length > 0)
    notes.push(
      `The feed does not collect ${never.join(' and ')} (jumpcloud.eventTypes): of the time from ${from} on these are not read by anybody.`,
    );
  return notes;
}

/** The feed's own types need no mention in the name, unless a lane of other types has it. */
function newLane(range: TypedRange<EventType>, all: readonly BackfillPart[], settings: FeedSettings): string {
  const plain = backfillLane(range);
  const isFree = !all.some(({ lane }) => lane === plain);
  return isFree && sameTypes(range.types, settings.families) ? plain : backfillLane(range, range.types);
}

/** Backfill lanes that touch a range: those to go on with, and all of them. */
async function otherBackfills(
  asked: TypedRange<EventType>,
  settings: FeedSettings,
  parts: FeedParts,
  notes: string[],
): Promise<{ unfinished: BackfillPart[]; all: BackfillPart[] }> {
  const unfinished: BackfillPart[] = [];
  const all: BackfillPart[] = [];
  for (const lane of await parts.sink.lanes()) {
    const range = backfillRange(lane);
    if (range === undefined || range.from >= asked.to || range.to <= asked.from) continue;
    const cursor = await parts.sink.peek(lane);
    if (cursor === undefined) continue;
    const part = { ...range, lane, types: typesRead(cursor) };
    all.push(part);
    const done = secondOf(cursor.settled) >= range.to;
    const shared = part.types.filter((type) => asked.types.includes(type));
    if (!done && shared.length > 0) unfinished.push(part);
    notes.push(...laneNotes(part, cursor, { done, shared, asked: asked.types, settings }));
  }
  return { unfinished, all };
}

/** What another backfill lane means to what was asked. */
function laneNotes(
  { from, to, types }: BackfillPart,
  cursor: Cursor,
  of: { done: boolean; shared: readonly EventType[]; asked: readonly EventType[]; settings: FeedSettings },
): string[] {
  const span = `${formatSecond(from)} to ${formatSecond(to)}`;
  const named = sameTypes(types, of.asked) ? '' : ` for ${types.join(',')}`;
  if (of.shared.length === 0)
    return of.done
      ? []
      : [
          `An earlier backfill of ${span} for ${types.join(',')} did not finish. It stays as it is: repeat it with --event-types ${types.join(',')}.`,
        ];
  if (!of.done) {
    const whole = named === '' ? '' : `, with all of its event types,`;
    return [`An earlier backfill of ${span}${named} did not finish: it goes on${whole} at ${cursor.settled}.`];
  }
  const { services } = narrowed(of.settings, of.shared);
  const missing = services.filter((service) => !cursor.services.includes(service));
  return [
    `${span} was filled by an earlier backfill${named}.`,
    ...(missing.length > 0 ? [`That one did not ask for ${missing.join(', ')}: use another feed name for these.`] : []),
  ];
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
  range: BackfillPart,
  feed: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
  onProgress: (progress: BackfillProgress) => void,
  limits: BackfillLimits = usualLimits,
): Promise<void> {
  const live = await liveCursor(feed, parts);
  const settings = narrowed(feed, range.types);
  const lane = await Lane.open(range.lane, parts.sink, parts.clock, parts.observer, (stored) => {
    if (stored) refuseForeignState(stored, settings);
    return stored ?? firstBackfillCursor(range, live, settings, parts);
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
  { lane, from, types }: BackfillPart,
  live: Cursor,
  settings: FeedSettings,
  parts: FeedParts,
): Cursor {
  const first = firstCursor({
    feed: settings.name,
    lane,
    organization: live.organization,
    baseUrl: settings.baseUrl,
    start: from,
    services: settings.services,
    now: parts.clock.now(),
  });
  return { ...first, origin: live.origin, origins: live.origins, memory: typesToRemember(types) };
}
