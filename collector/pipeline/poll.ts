import { floorToSecond, formatSecond } from '../../mappings/instant.js';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE } from '../../mappings/time-units.js';
import { earlierOf, laterOf } from '../clock.js';
import { asCollectorError, type CollectorError } from '../errors.js';
import { firstGiven } from '../jumpcloud/insights/first-given.js';
import { byReason, refusalOf } from '../jumpcloud/insights/probe.js';
import { type Cursor, serviceOwnedFrom } from '../position/cursor.js';
import { groupOf, groupsToPoll, type ServiceGroup, servicePosition, staysActive } from '../position/service-groups.js';
import { stepBack, steppedBackIn } from '../position/step-back.js';
import { liveWindow, nextSlice, type Window, watermarkAfter } from '../position/window.js';
import { emptyBatch, type RecordOwnership } from './batch-builder.js';
import { collect, type ReadSoFar } from './collect.js';
import type { FeedDependencies, FeedSettings } from './dependencies.js';
import { findKept } from './find-kept.js';
import type { Advance, Lane } from './lane.js';

/** Reads and delivers everything that JumpCloud shows by now. */
export async function poll(
  lane: Lane,
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<void> {
  await stepBackWhereDamaged(lane, settings, parts);
  const done = new Set<string>();
  for (;;) {
    const groups = groupsToPoll(lane.cursor.position, settings.services, parts.clock.now());
    const next = groups.find(({ services }) => services.some((service) => !done.has(service)));
    if (next === undefined) return forgetStepBack(lane, parts);
    let stands = false;
    // After a search that fails the next poll begins with the narrowest again.
    const narrowest = narrowestSlice(settings);
    let slice = narrowest;
    for (let window: Window | undefined; window === undefined || window.end !== undefined; ) {
      const group = groupOf(lane.cursor.position, next.services);
      const { records } = lane.cursor.counts;
      window = nextWindow(lane.cursor, group, slice, settings, parts);
      // Where a slice does not move the position (the clocks are apart, and no record is new enough), the rest is read at once.
      if (stands) window = { start: window.start };
      const refused = await collectOrSuspend(lane, group, window, settings, parts, signal);
      if (refused) break;
      stands = window.end !== undefined && groupOf(lane.cursor.position, next.services).watermark <= group.watermark;
      if (window.end === undefined) for (const service of group.services) done.add(service);
      else {
        const brought = lane.cursor.counts.records - records;
        slice = nextSlice(window.end - window.start, brought, 2 * settings.batchSize, narrowest);
      }
    }
  }
}

/** Seconds of the narrowest closed search: one shorter than the overlap would end within it and lead nowhere. */
function narrowestSlice({ slice, overlap }: FeedSettings): number {
  return Math.max(slice, overlap);
}

/** What a group's next search asks for. @param slice the most seconds of a closed one */
function nextWindow(
  cursor: Cursor,
  group: ServiceGroup,
  slice: number,
  settings: FeedSettings,
  parts: FeedDependencies,
): Window {
  // JumpCloud has shown the newest record: its clock is past that, whatever the clocks say.
  const shown = floorToSecond(cursor.position.maxEventTime) + 1;
  const clocks = parts.clocks();
  const now = clocks.apart ? shown : Math.max(Math.floor(earlierOf(clocks) / 1000), shown);
  const latest = Math.max(Math.floor(laterOf(clocks) / 1000), shown);
  const { start, ...window } = liveWindow(group.watermark, now, narrowestSlice(settings), latest, slice);
  // Whole minutes can be compared with JumpCloud's count later; of the common position's minute all identities are
  // remembered, so that a group that joins it must have read that minute from its beginning.
  const origin = Math.min(...group.services.map((service) => serviceOwnedFrom(cursor, service)));
  return { start: Math.min(start, Math.max(origin, wholeMinute(start))), ...window };
}

function wholeMinute(second: number): number {
  return second - (second % SECONDS_PER_MINUTE);
}

/** A position that a wrong clock (or a damaged state) has left beyond all that was read goes back to where it may be. */
async function stepBackWhereDamaged(lane: Lane, settings: FeedSettings, parts: FeedDependencies): Promise<void> {
  const { cursor } = lane;
  const found = stepBack(cursor.position, parts.clocks(), settings.start, settings.overlap);
  if (found === undefined) return;
  const { steppedBack, position } = found;
  const { from, to } = steppedBack;
  parts.observer({
    type: 'noted',
    lane: lane.name,
    message: `the stored position was damaged: ${from} lies beyond the newest record and both clocks; going back to ${to}, and what it passed over is compared and read again`,
  });
  // The first of several findings shows how long it has lasted.
  const since = steppedBackIn(cursor)?.since ?? steppedBack.since;
  await lane.commit(emptyBatch, { replaced: position, steppedBack: { ...steppedBack, since } });
}

/** Without a reconciler nothing heals by itself what lies before the place to which a position was stepped back. */
async function forgetStepBack(lane: Lane, parts: FeedDependencies): Promise<void> {
  const steppedBack = steppedBackIn(lane.cursor);
  if (steppedBack === undefined || parts.idleTasks.some(({ compares }) => compares)) return;
  parts.observer({
    type: 'noted',
    lane: lane.name,
    message: `everything from ${steppedBack.to} on was read again; what became visible late before that may be missing: reconcile.enabled is false, so run \`jumpcloud-ocsf reconcile --from … --to … --repair\``,
  });
  await lane.commit(emptyBatch, { steppedBack: null });
}

/** Collects one window; services that JumpCloud refuses are suspended so that the others go on. True where any was. */
async function collectOrSuspend(
  lane: Lane,
  group: ServiceGroup,
  window: Window,
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await collectWindow(lane, group, window, settings, parts, signal);
    return false;
  } catch (error) {
    const failure = asCollectorError(error);
    if (!failure.is('refusesSearch')) throw failure;
    const refused = await refusedServices(group, window, parts, signal);
    if (await skipWhatIsGone(lane, group, window, refused, parts, signal)) return true;
    // Where no service is left the matter is the key, the licence or the query, not a service.
    if (refused.size === 0 || !staysActive(lane.cursor.position, refused)) throw failure;
    await lane.commit(emptyBatch, { refused });
    for (const { services, error } of byReason(refused)) {
      const { retryAt } = servicePosition(lane.cursor.position, services[0] ?? '').refused ?? {};
      const at = retryAt === undefined ? '' : new Date(retryAt).toISOString();
      parts.observer({ type: 'refused', lane: lane.name, services, error, retryAt: at });
    }
    return true;
  }
}

/**
 * Services that were last read before what JumpCloud still keeps would always be refused: they go on at the first
 * minute that it gives. False where their refusal has another reason.
 */
async function skipWhatIsGone(
  lane: Lane,
  group: ServiceGroup,
  { start }: Window,
  refused: ReadonlyMap<string, CollectorError>,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<boolean> {
  const now = Math.floor(earlierOf(parts.clocks()) / 1000);
  // Who is answered at the old start shows that it is not too old for the others either.
  if (start > now - SECONDS_PER_DAY || refused.size < group.services.length) return false;
  const gone: string[] = [];
  for (const [service, refusal] of refused) {
    const recent = { start: now - SECONDS_PER_HOUR };
    if (refusal.is('maybeTooOld') && (await refusalOf(parts.source, [service], recent, signal)) === undefined)
      gone.push(service);
  }
  if (gone.length === 0) return false;
  const watermark = await firstGiven(parts.source, gone, { from: start, to: now }, signal);
  if (watermark === undefined) return false;
  parts.observer({
    type: 'noted',
    lane: lane.name,
    message: `JumpCloud no longer gives what is older than ${formatSecond(watermark)}: records of ${gone.join(', ')} from ${formatSecond(group.watermark)} to there were not collected and cannot be any more`,
  });
  const rest = new Map([...refused].filter(([service]) => !gone.includes(service)));
  await lane.commit(emptyBatch, { read: { services: gone, watermark }, ...(rest.size > 0 && { refused: rest }) });
  return true;
}

/** Collects one window of one group of services. */
async function collectWindow(
  lane: Lane,
  group: ServiceGroup,
  window: Window,
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<void> {
  const search = { services: group.services, start: window.start, end: window.end };
  // Where the clocks are apart the records alone give the time: the newest was delivered before the search began.
  const newest = floorToSecond(lane.cursor.position.maxEventTime);
  const advance = (read: ReadSoFar): Advance => {
    const { complete, readTo, minutes, organization } = read;
    const shown = { organization, maxEventTime: read.newest };
    if (!complete && readTo === undefined) return shown;
    const now = groupOf(lane.cursor.position, group.services);
    const watermark = watermarkAfter(now.watermark, readTo, read.startedAt ?? newest, settings.overlap);
    const caughtUp = complete && readTo === undefined;
    const moved = { start: window.start, end: window.end, complete, readTo, minutes };
    return {
      ...shown,
      read: { services: group.services, watermark, caughtUp },
      search: now.isPrimary ? moved : undefined,
    };
  };
  await collect(lane, { search, scope: scopeOf(lane, group), advance }, settings, parts, signal);
}

/** What the records of a group mean to the live lane. */
function scopeOf(lane: Lane, group: ServiceGroup): RecordOwnership {
  const { cursor } = lane;
  const { position } = cursor;
  const dedupeFrom = group.isPrimary
    ? wholeMinute(position.watermark)
    : Math.max(...group.services.map((service) => servicePosition(position, service).dedupeFrom));
  return {
    ownedFrom: (service) => serviceOwnedFrom(cursor, service),
    ownedTo: () => undefined,
    dedupeFrom: () => dedupeFrom,
    lateBefore: group.isPrimary && cursor.counts.records > 0 ? position.maxEventTime : undefined,
    known: (uids, from, to) => findKept(lane, uids, from, to),
  };
}

/** Asks for each service of a refused search alone. */
async function refusedServices(
  group: ServiceGroup,
  window: Window,
  parts: FeedDependencies,
  signal: AbortSignal,
): Promise<Map<string, CollectorError>> {
  const refused = new Map<string, CollectorError>();
  for (const service of group.services) {
    const refusal = await refusalOf(parts.source, [service], window, signal);
    if (refusal !== undefined) refused.set(service, refusal);
  }
  return refused;
}
