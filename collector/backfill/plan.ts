import { servicesFor } from '../../mappings/catalogue/index-by-type.js';
import { formatSecond } from '../../mappings/instant.js';
import { earlierOf } from '../clock.js';
import { asCollectorError } from '../errors.js';
import { firstGiven } from '../jumpcloud/insights/first-given.js';
import type { FeedDependencies, FeedSettings } from '../pipeline/dependencies.js';
import { openLive } from '../pipeline/open-live-lane.js';
import { refuseForeignState } from '../pipeline/organization-guard.js';
import { type Cursor, firstCursor, serviceOwnedFrom } from '../position/cursor.js';
import { type EventType, inOrder, sameTypes, typesRead, typesToRemember } from '../position/event-families.js';
import { backfillLane, backfillRange, LIVE_LANE } from '../position/lane-name.js';
import { type Range, type TypedRange, unread } from '../position/time-range.js';
import { positionOnly } from '../sinks/batch.js';
import type { Lock } from '../sinks/sink.js';

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

/** Whoever holds it plans. */
const PLANNING_LOCK = 'backfill-plan';
/** One a second. */
const MOST_ATTEMPTS = 60;

export interface PlanOptions {
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly types?: readonly EventType[];
}

/**
 * Cuts what was asked down to what no other lane owns and what JumpCloud still gives: the live lane has everything from
 * the feed's origin on, a finished backfill the event types it read of its range; an unfinished one is gone on with.
 * Unless it is a dry run it fixes the feed's origin where the feed has never run, and stores where each new lane begins:
 * of two backfills that start at the same moment the second then sees what the first is to read.
 * @param types event types of this backfill alone; default: those of the feed
 * @throws CollectorError where JumpCloud refuses even the newest part; LANE_IN_USE where another plan takes over a minute
 */
export async function planBackfill(
  asked: Range,
  settings: FeedSettings,
  deps: FeedDependencies,
  { dryRun = false, signal = new AbortController().signal, types = [...settings.families] }: PlanOptions = {},
): Promise<BackfillPlan> {
  if (dryRun) return plan(asked, types, await storedCursor(settings, deps), settings, deps, signal);
  const planning = await takePlanning(deps, signal);
  try {
    const live = await liveCursor(settings, deps);
    const made = await plan(asked, types, live, settings, deps, signal);
    for (const part of made.ranges) await begin(part, live, settings, deps);
    return made;
  } finally {
    await planning.release();
  }
}

/** Waits for its turn to plan. */
async function takePlanning({ sink, clock }: FeedDependencies, signal: AbortSignal): Promise<Lock> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sink.lock(PLANNING_LOCK);
    } catch (error) {
      const failure = asCollectorError(error);
      if (failure.code !== 'LANE_IN_USE' || attempt === MOST_ATTEMPTS || signal.aborted) throw failure;
      await clock.sleep(1_000, signal);
    }
  }
}

/** Stores where a lane begins, unless it has begun. */
async function begin(
  part: BackfillPart,
  live: Cursor,
  feed: FeedSettings,
  { sink, clock }: FeedDependencies,
): Promise<void> {
  if ((await sink.peek(part.lane)) !== undefined) return;
  const cursor = firstBackfillCursor(part, live, narrowed(feed, part.types), clock.now());
  const lane = sink.lane(part.lane);
  try {
    await lane.open();
    await lane.commit(positionOnly(cursor));
  } finally {
    await lane.close();
  }
}

async function plan(
  asked: Range,
  types: readonly EventType[],
  live: Cursor | undefined,
  settings: FeedSettings,
  deps: FeedDependencies,
  signal: AbortSignal,
): Promise<BackfillPlan> {
  const notes: string[] = [];
  const now = Math.floor(earlierOf(deps.clocks()) / 1000);
  const { services } = narrowed(settings, types);
  const origin = live ? Math.max(...services.map((service) => serviceOwnedFrom(live, service))) : settings.start(now);
  const to = Math.min(asked.to, origin);
  if (to < asked.to) notes.push(...endNotes(origin, types, settings));
  if (asked.from >= to) return { ranges: [], notes, firstAvailable: undefined };
  const wanted = { from: asked.from, to, types: inOrder(types) };
  const { unfinished, all } = await otherBackfills(wanted, settings, deps, notes);
  const open = unread(wanted, all);
  const firstAvailable =
    open.length === 0
      ? undefined
      : await firstGiven(deps.source, services, { from: open[0]!.from, to: open.at(-1)!.to }, signal);
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
  deps: FeedDependencies,
  notes: string[],
): Promise<{ unfinished: BackfillPart[]; all: BackfillPart[] }> {
  const unfinished: BackfillPart[] = [];
  const all: BackfillPart[] = [];
  for (const lane of await deps.sink.lanes()) {
    const range = backfillRange(lane);
    if (range === undefined || range.from >= asked.to || range.to <= asked.from) continue;
    const cursor = await deps.sink.peek(lane);
    if (cursor === undefined) continue;
    const part = { ...range, lane, types: typesRead(cursor) };
    all.push(part);
    const done = cursor.position.watermark >= range.to;
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
    return [
      `An earlier backfill of ${span}${named} did not finish: it goes on${whole} at ${formatSecond(cursor.position.watermark)}.`,
    ];
  }
  const { services } = narrowed(of.settings, of.shared);
  const missing = services.filter((service) => !cursor.position.services.includes(service));
  return [
    `${span} was filled by an earlier backfill${named}.`,
    ...(missing.length > 0 ? [`That one did not ask for ${missing.join(', ')}: use another feed name for these.`] : []),
  ];
}

/** The live lane's cursor, where the feed has ever run. */
async function storedCursor(settings: FeedSettings, deps: FeedDependencies): Promise<Cursor | undefined> {
  const stored = await deps.sink.peek(LIVE_LANE);
  if (stored) refuseForeignState(stored, settings);
  return stored;
}

/** The live lane's cursor; where the feed has never run, its first one is stored now, because it fixes the origin. */
export async function liveCursor(settings: FeedSettings, deps: FeedDependencies): Promise<Cursor> {
  const stored = await storedCursor(settings, deps);
  if (stored) return stored;
  const lane = await openLive(settings, deps);
  await lane.close();
  return lane.cursor;
}

/** The position of a backfill that has read nothing yet. */
function firstBackfillCursor(
  { lane, from, types }: BackfillPart,
  live: Cursor,
  settings: FeedSettings,
  now: number,
): Cursor {
  const first = firstCursor({
    feed: settings.name,
    lane,
    organization: live.organization,
    baseUrl: settings.baseUrl,
    start: from,
    services: settings.services,
    now,
  });
  const { ownedFrom, ownedFromByService } = live.position;
  const position = { ...first.position, ownedFrom, ownedFromByService };
  return { ...first, position, extensions: typesToRemember(types) };
}
