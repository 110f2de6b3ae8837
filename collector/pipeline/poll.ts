import { floorToSecond, formatInstant, type Instant, parseInstant } from '../../mappings/instant.js';
import { earlierOf, laterOf } from '../clock.js';
import { asCollectorError, type CollectorError } from '../errors.js';
import { refusalOf, refusals } from '../jumpcloud/insights/probe.js';
import { type Cursor, originOf, secondOf } from '../position/cursor.js';
import { type Group, groupOf, groupsToPoll, joined, moved, placeOf, setAside } from '../position/service-groups.js';
import { stepBack, steppedBackIn } from '../position/step-back.js';
import { liveWindow, settledAfter, type Window } from '../position/window.js';
import { nothingGathered, type Scope } from './batch-builder.js';
import { collect, type ReadSoFar } from './collect.js';
import type { FeedParts, FeedSettings } from './dependencies.js';
import type { Advance, Lane } from './lane.js';

/** Reads and delivers everything that JumpCloud shows by now. */
export async function poll(lane: Lane, settings: FeedSettings, parts: FeedParts, signal: AbortSignal): Promise<void> {
  await stepBackWhereDamaged(lane, settings, parts);
  const done = new Set<string>();
  for (;;) {
    const groups = groupsToPoll(lane.cursor, settings.services, parts.clock.now());
    const next = groups.find(({ services }) => services.some((service) => !done.has(service)));
    if (next === undefined) return forgetStepBack(lane, parts);
    let stands = false;
    for (let window: Window | undefined; window === undefined || window.end !== undefined; ) {
      const group = groupOf(lane.cursor, next.services);
      window = nextWindow(lane.cursor, group, settings, parts);
      // Where a slice does not move the position (the clocks are apart, and no record is new enough), the rest is read at once.
      if (stands) window = { start: window.start };
      const refused = await collectOrSetAside(lane, group, window, settings, parts, signal);
      if (refused) break;
      stands = window.end !== undefined && groupOf(lane.cursor, next.services).settled <= group.settled;
      if (window.end === undefined) for (const service of group.services) done.add(service);
    }
  }
}

/** What a group's next search asks for. */
function nextWindow(cursor: Cursor, group: Group, settings: FeedSettings, parts: FeedParts): Window {
  // JumpCloud has shown the newest record: its clock is past that, whatever the clocks say.
  const shown = floorToSecond(newestOf(cursor)) + 1;
  const clocks = parts.clocks();
  const now = clocks.apart ? shown : Math.max(Math.floor(earlierOf(clocks) / 1000), shown);
  const latest = Math.max(Math.floor(laterOf(clocks) / 1000), shown);
  // A slice shorter than the overlap would end within it and lead nowhere.
  const { start, ...window } = liveWindow(group.settled, now, Math.max(settings.slice, settings.overlap), latest);
  // Whole minutes can be compared with JumpCloud's count later; of the common position's minute all identities are
  // remembered, so that a group that joins it must have read that minute from its beginning.
  const origin = Math.min(...group.services.map((service) => originOf(cursor, service)));
  return { start: Math.min(start, Math.max(origin, wholeMinute(start))), ...window };
}

function wholeMinute(second: number): number {
  return second - (second % 60);
}

/** A position that a wrong clock (or a damaged state) has left beyond all that was read goes back to where it may be. */
async function stepBackWhereDamaged(lane: Lane, settings: FeedSettings, parts: FeedParts): Promise<void> {
  const { cursor } = lane;
  const found = stepBack(cursor, parts.clocks(), settings.start, settings.overlap);
  if (found === undefined) return;
  const { steppedBack, ...place } = found;
  const { from, to } = steppedBack;
  parts.observer.noted(
    lane.name,
    `the stored position was damaged: ${from} lies beyond the newest record and both clocks; going back to ${to}, and what it passed over is compared and read anew`,
  );
  // The first of several findings tells how long it has lasted.
  const since = steppedBackIn(cursor)?.since ?? steppedBack.since;
  await lane.commit(nothingGathered, { ...place, steppedBack: { ...steppedBack, since } });
}

/** Without a reconciler nothing heals by itself what lies before the place to which a position was stepped back. */
async function forgetStepBack(lane: Lane, parts: FeedParts): Promise<void> {
  const steppedBack = steppedBackIn(lane.cursor);
  if (steppedBack === undefined || parts.idleTasks.some(({ compares }) => compares)) return;
  parts.observer.noted(
    lane.name,
    `everything from ${steppedBack.to} on was read anew; what became visible late before that may be missing: reconcile.enabled is false, so run \`jumpcloud-ocsf reconcile --from … --to … --repair\``,
  );
  await lane.commit(nothingGathered, { steppedBack: null });
}

/** Collects one window; services that JumpCloud refuses are set aside so that the others go on. True where any was. */
async function collectOrSetAside(
  lane: Lane,
  group: Group,
  window: Window,
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await collectWindow(lane, group, window, settings, parts, signal);
    return false;
  } catch (error) {
    const failure = asCollectorError(error);
    if (!refusals.has(failure.code)) throw failure;
    const refused = await refusedServices(group, window, parts, signal);
    // Where every service is refused the matter is the key, the licence or the query, not a service.
    if (refused.size === 0 || (group.main && refused.size === group.services.length)) throw failure;
    await lane.commit(nothingGathered, setAside(lane.cursor, group, refused, parts.clock.now()));
    for (const [service, reason] of refused) {
      parts.observer.refused(lane.name, service, reason, lane.cursor.behind[service]?.refused?.retryAt ?? '');
    }
    return true;
  }
}

/** Collects one window of one group of services. */
async function collectWindow(
  lane: Lane,
  group: Group,
  window: Window,
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
): Promise<void> {
  const search = { services: group.services, start: window.start, end: window.end };
  // Where the clocks are apart the records alone tell the time: the newest was delivered before the search began.
  const newest = floorToSecond(newestOf(lane.cursor));
  const advance = (read: ReadSoFar): Advance => {
    const now = groupOf(lane.cursor, group.services);
    const place = position(lane.cursor, now, read, read.startedAt ?? newest, settings.overlap);
    const { complete, readTo, minutes } = read;
    return {
      ...shown(lane.cursor, read),
      ...place,
      ...(now.main &&
        place.settled !== undefined && { search: { ...window, end: window.end, complete, readTo, minutes } }),
    };
  };
  await collect(lane, { search, scope: scopeOf(lane, group), advance }, settings, parts, signal);
}

/** What the records themselves tell of the lane: whose they are, and how new. */
function shown(cursor: Cursor, read: ReadSoFar): Advance {
  const newest =
    read.newest !== undefined && read.newest > newestOf(cursor) ? formatInstant(read.newest) : cursor.newest;
  return { organization: cursor.organization ?? read.organization, newest };
}

/** The place of a group's services that follows what was read of a window. */
function position(cursor: Cursor, group: Group, read: ReadSoFar, startedAt: number, overlap: number): Advance {
  if (!read.complete && read.readTo === undefined) return {};
  const settled = settledAfter(group.settled, read.readTo, startedAt, overlap);
  const caughtUp = !group.main && read.complete && read.readTo === undefined;
  return caughtUp ? joined(cursor, group, settled) : moved(cursor, group, settled);
}

/** What the records of a group mean to the live lane. */
function scopeOf(lane: Lane, group: Group): Scope {
  const { cursor } = lane;
  const rememberedFrom = group.main
    ? wholeMinute(secondOf(cursor.settled))
    : Math.max(...group.services.map((service) => secondOf(placeOf(cursor, service).rememberedFrom)));
  return {
    ownedFrom: (service) => originOf(cursor, service),
    ownedTo: () => undefined,
    rememberedFrom: () => rememberedFrom,
    lateBefore: group.main && cursor.counts.records > 0 ? newestOf(cursor) : undefined,
    known: (uids, from, to) => lane.known(uids, from, to),
  };
}

/** Asks for each service of a refused search alone. */
async function refusedServices(
  group: Group,
  window: Window,
  parts: FeedParts,
  signal: AbortSignal,
): Promise<Map<string, CollectorError>> {
  const refused = new Map<string, CollectorError>();
  for (const service of group.services) {
    const refusal = await refusalOf(parts.source, [service], window, signal);
    if (refusal !== undefined) refused.set(service, refusal);
  }
  return refused;
}

function newestOf(cursor: Cursor): Instant {
  return parseInstant(cursor.newest) ?? 0n;
}
