import type { NormalisedEvent } from '../mappings/event.js';
import { floorToSecond, formatInstant, type Instant, parseInstant } from '../mappings/instant.js';
import type { Clock } from './clock.js';
import { type CollectSettings, collect, type ReadSoFar } from './collect.js';
import { type Cursor, firstCursor, originOf, secondOf, selectServices } from './cursor.js';
import { asCollectorError, CollectorError, type ErrorCode, exitCodes } from './errors.js';
import { nothingGathered, type Scope } from './gather.js';
import { type Group, groupOf, groupsToPoll, joined, moved, placeOf, setAside } from './groups.js';
import { refusals } from './jumpcloud/first-page.js';
import type { Source } from './jumpcloud/source.js';
import { type Advance, Lane } from './lane.js';
import type { FeedObserver } from './observer.js';
import { followed, Reconciler, type ReconcileSettings } from './reconcile.js';
import type { Repairs } from './repair.js';
import type { Sink } from './sinks/sink.js';
import { liveWindow, settledAfter, type Window } from './window.js';

/** What a feed collects and how often. */
export interface FeedSettings extends CollectSettings {
  readonly baseUrl: string;
  /** Undefined: the organization of the first record. */
  readonly organization: string | undefined;
  /** The query's `service` values. */
  readonly services: readonly string[];
  /** Whole second since the epoch at which a first run (or a newly selected service) starts. */
  readonly start: (now: number) => number;
  /** Milliseconds between polls. */
  readonly interval: number;
  /** Seconds within which a late record is still waited for. */
  readonly overlap: number;
  /** Seconds of one closed search while catching up. */
  readonly slice: number;
  /** How what was read is compared with JumpCloud's count; undefined: never. */
  readonly reconcile?: ReconcileSettings | undefined;
}

/** What goes with the position though it is not collected: what the key guard and others must remember, and say. */
export interface Beside {
  /** After the lane was opened, with what was stored: whatever was not committed is forgotten. */
  recall(memory: Readonly<Record<string, unknown>>): void;
  /** Before each commit: what to store in place of the former memory, and events of the collector's own. */
  next(delivering: Delivering): { memory: Readonly<Record<string, unknown>>; own: readonly NormalisedEvent[] };
}

/** What the commit at hand delivers, as far as those beside the road look at it. */
export interface Delivering {
  readonly events: readonly NormalisedEvent[];
  /** Undefined until a record or the configuration named it. */
  readonly organization: string | undefined;
}

/** The rest of the house, as a feed needs it. */
export interface FeedParts {
  readonly source: Source;
  readonly sink: Sink;
  readonly clock: Clock;
  /** Epoch milliseconds of the server's clock, as far as it is known. */
  readonly serverNow: () => number;
  /** A number from 0 (inclusive) to 1, for jitter. */
  readonly random: () => number;
  readonly observer: FeedObserver;
  readonly beside: Beside;
  /** Resolves when the credential has changed: ends the wait after a 401. */
  readonly credentialChanged: (signal: AbortSignal) => Promise<void>;
  /** What the live lane is asked to read anew; undefined: nobody can ask. */
  readonly repairs?: Repairs | undefined;
}

const LIVE = 'live';
const DAY = 86_400;
const SHORTEST_RECONCILE_MS = 30_000;
const LONGEST_RETRY_MS = 5 * 60_000;
/** Failures that no waiting cures: the command ends with their exit code. */
const FATAL: ReadonlySet<ErrorCode> = new Set([
  'LANE_IN_USE',
  'STATE_CORRUPT',
  'ORGANIZATION_CHANGED',
  'CONFIG_INVALID',
  'BASE_URL_WRONG',
  'INTERNAL',
]);
const SINK_FAILURES: ReadonlySet<ErrorCode> = new Set([
  'LANE_IN_USE',
  'FENCED',
  'STATE_CORRUPT',
  'STORAGE_FAILED',
  'SINK_UNAVAILABLE',
  'SINK_REFUSED',
  'SINK_IN_DOUBT',
]);
/** Failures in which nobody has answered: JumpCloud's clock is not known by them. */
const UNANSWERED: ReadonlySet<ErrorCode> = new Set([
  'UNREACHABLE',
  'TIMED_OUT',
  'TLS_REFUSED',
  'CREDENTIAL_MISSING',
  'CONFIG_UNREADABLE',
  'ABORTED',
  'INTERNAL',
]);

/**
 * Collects a feed's live lane: search, gather, commit, and again after the interval.
 * With `once` it returns when everything JumpCloud shows is delivered; otherwise when the signal aborts.
 * @throws CollectorError with `once`: the first failure that the source's own retries did not cure; always: a lane in
 *   use, corrupt state, or a key of another organization
 */
export async function runFeed(
  settings: FeedSettings,
  parts: FeedParts,
  { once, signal }: { once: boolean; signal: AbortSignal },
): Promise<void> {
  let lane: Lane | undefined;
  let failures = 0;
  const reconciler = settings.reconcile && new Reconciler(settings.reconcile);
  try {
    while (!signal.aborted) {
      try {
        lane ??= await openLive(settings, parts, signal, failures === 0);
        parts.repairs?.follow(lane);
        await poll(lane, settings, parts, signal);
        failures = 0;
        if (reconciler) await reconcileWhenDue(reconciler, lane, settings, parts, { once, signal });
        if (once) return;
        const wait = settings.interval * (0.9 + 0.2 * parts.random());
        parts.observer.caughtUp(lane.name, wait);
        await waitForPoll(lane, wait, settings, parts, signal);
      } catch (error) {
        const failure = asCollectorError(error);
        if (signal.aborted && failure.code === 'ABORTED') return;
        const part = lane?.broken || SINK_FAILURES.has(failure.code) ? 'sink' : 'source';
        const retryMs =
          once || signal.aborted || FATAL.has(failure.code)
            ? undefined
            : retryDelay(failure, failures, settings, parts);
        parts.observer.failed(LIVE, part, failure, retryMs);
        if (lane !== undefined && !FATAL.has(failure.code)) await deliverOwn(lane, parts);
        if (retryMs === undefined) throw failure;
        failures += 1;
        if (lane?.broken) {
          parts.repairs?.follow(undefined);
          await lane.close();
          lane = undefined;
        }
        await waitForCure(failure, retryMs, parts, signal);
      }
    }
  } finally {
    parts.repairs?.close();
    await lane?.close();
  }
}

/** The time between two polls belongs to the repairs that were asked for. */
async function waitForPoll(
  lane: Lane,
  ms: number,
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal,
): Promise<void> {
  const { repairs, clock } = parts;
  if (repairs === undefined) return clock.sleep(ms, signal);
  const due = clock.monotonic() + ms;
  while (!signal.aborted && clock.monotonic() < due) {
    if (!repairs.isPending) await repairs.sleep(due - clock.monotonic(), parts, signal);
    else await repairs.readOn(lane, settings, parts, due, signal);
    if (repairs.isBackingOff) return clock.sleep(due - clock.monotonic(), signal);
  }
}

/**
 * Opens the live lane: first run, continuation, or refusal of a state that belongs to somebody else.
 * @param tells whether to say that JumpCloud's time is asked for; false where it was said before
 */
export async function openLive(
  settings: FeedSettings,
  parts: FeedParts,
  signal?: AbortSignal,
  tells = true,
): Promise<Lane> {
  await learnClock(settings, parts, signal, tells);
  const now = Math.floor(parts.serverNow() / 1000);
  let started: readonly string[] = [];
  const lane = await Lane.open(LIVE, parts.sink, parts.clock, parts.observer, (stored) => {
    if (stored === undefined) return firstLiveCursor(settings, parts);
    refuseForeignState(stored, settings);
    const fitted = selectServices(stored, settings.services, settings.start(now));
    started = fitted.started;
    return fitted.cursor;
  });
  parts.beside.recall(lane.cursor.memory);
  if (!lane.resumed) {
    parts.observer.noted(LIVE, `first run: no position is stored for this feed; collecting from ${lane.cursor.origin}`);
    // The origin is stored before anything is read: it decides for good which lane owns which record.
    await lane.commit(nothingGathered, {}).catch(async (error) => {
      await lane.close();
      throw error;
    });
  }
  for (const service of started) {
    parts.observer.noted(
      LIVE,
      `newly selected service ${service}: collecting it from ${lane.cursor.behind[service]?.settled}`,
    );
  }
  return lane;
}

/**
 * Before a first run that begins "so long ago": asks JumpCloud for anything at all, because its answer tells its clock.
 * The origin is fixed for good and must not be taken from a clock that may be days off.
 */
async function learnClock(
  settings: FeedSettings,
  parts: FeedParts,
  signal: AbortSignal | undefined,
  tells: boolean,
): Promise<void> {
  const now = Math.floor(parts.serverNow() / 1000);
  const isFixed = settings.start(now) === settings.start(now - DAY);
  if (isFixed || (await parts.sink.peek(LIVE)) !== undefined) return;
  // Without it nothing would be said for as long as the network hangs.
  if (tells) parts.observer.noted(LIVE, 'no position is stored yet: asking JumpCloud for its time, by which it begins');
  const pages = parts.source.pages({ services: settings.services, start: now - 60, end: now }, signal);
  try {
    await pages.next();
  } catch (error) {
    const { code } = asCollectorError(error);
    // A refusal tells the time as well; what it means is for the first poll to say. Not so that of the key: it is said
    // at once, since the client would let the poll wait for a minute before it asks with such a key again.
    if (UNANSWERED.has(code) || code === 'CREDENTIAL_REFUSED') throw error;
  } finally {
    await pages.return();
  }
}

/** The position of a feed that has never run. */
function firstLiveCursor(settings: FeedSettings, parts: Pick<FeedParts, 'serverNow' | 'clock'>): Cursor {
  return firstCursor({
    feed: settings.name,
    lane: LIVE,
    organization: settings.organization,
    baseUrl: settings.baseUrl,
    start: settings.start(Math.floor(parts.serverNow() / 1000)),
    services: settings.services,
    now: parts.clock.now(),
  });
}

/** Delivers what those beside the road have to say although nothing was collected: after a key's end no other commit carries it. */
async function deliverOwn(lane: Lane, parts: FeedParts): Promise<void> {
  if (lane.broken) return;
  const { organization, memory: before } = lane.cursor;
  const { memory, own } = parts.beside.next({ events: [], organization });
  if (own.length === 0) return;
  await lane.commit(nothingGathered, { memory: { ...before, ...memory }, own }).catch((error) => {
    // The lane counts as broken from here on: it is opened anew, and what was not delivered is said again.
    parts.observer.noted(lane.name, `a warning about the key was put off: ${asCollectorError(error).message}`);
  });
}

/** Between polls: looks for what became visible too late for them. A failure of its own leaves the polls unharmed. */
async function reconcileWhenDue(
  reconciler: Reconciler,
  lane: Lane,
  settings: FeedSettings,
  parts: FeedParts,
  { once, signal }: { once: boolean; signal: AbortSignal },
): Promise<void> {
  try {
    const budget = once ? Number.POSITIVE_INFINITY : Math.max(settings.interval, SHORTEST_RECONCILE_MS);
    const report = await reconciler.whenDue(lane, settings, parts, budget, signal);
    if (report) parts.observer.reconciled?.(lane.name, report);
  } catch (error) {
    const failure = asCollectorError(error);
    if (signal.aborted || lane.broken || failure.code === 'INTERNAL' || failure.code === 'ORGANIZATION_CHANGED')
      throw failure;
    parts.observer.noted(lane.name, `reconciliation was put off: ${failure.message}`);
  }
}

/** Reads and delivers everything that JumpCloud shows by now. */
async function poll(lane: Lane, settings: FeedSettings, parts: FeedParts, signal: AbortSignal): Promise<void> {
  const done = new Set<string>();
  for (;;) {
    const groups = groupsToPoll(lane.cursor, settings.services, parts.clock.now());
    const next = groups.find(({ services }) => services.some((service) => !done.has(service)));
    if (next === undefined) return;
    for (let window: Window | undefined; window === undefined || window.end !== undefined; ) {
      const group = groupOf(lane.cursor, next.services);
      window = nextWindow(lane.cursor, group, settings, parts);
      const refused = await collectOrSetAside(lane, group, window, settings, parts, signal);
      if (refused) break;
      if (window.end !== undefined && groupOf(lane.cursor, next.services).settled <= group.settled) throw clockStands();
      if (window.end === undefined) for (const service of group.services) done.add(service);
    }
  }
}

/** What a group's next search asks for. */
function nextWindow(cursor: Cursor, group: Group, settings: FeedSettings, parts: FeedParts): Window {
  // JumpCloud has shown the newest record: its clock is past that, whatever an unproven local clock says.
  const now = Math.max(Math.floor(parts.serverNow() / 1000), floorToSecond(newestOf(cursor)) + 1);
  // A slice shorter than the overlap would end within it and lead nowhere.
  const { start, ...window } = liveWindow(group.settled, now, Math.max(settings.slice, settings.overlap));
  if (!group.main) return { start, ...window };
  // Whole minutes can be compared with JumpCloud's count later; the identities of the first one are still remembered.
  const origin = Math.min(...group.services.map((service) => originOf(cursor, service)));
  return { start: Math.min(start, Math.max(origin, wholeMinute(start))), ...window };
}

function wholeMinute(second: number): number {
  return second - (second % 60);
}

function clockStands(): CollectorError {
  return new CollectorError('RESPONSE_INVALID', "JumpCloud's clock stands before the window that was just read.", {
    cure: 'The search is asked again by itself; if it stays, look for a cache in between that answers with an old Date header.',
    transient: true,
  });
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
  const advance = (read: ReadSoFar): Advance => {
    const now = groupOf(lane.cursor, group.services);
    const beside = remembered(lane.cursor, read, parts);
    const place = position(lane.cursor, now, read, settings.overlap);
    if (!now.main || place.settled === undefined || settings.reconcile === undefined) return { ...beside, ...place };
    const shown = followed(lane.cursor, search, read, secondOf(place.settled), settings.reconcile);
    return { ...beside, ...place, memory: { ...beside.memory, ...shown } };
  };
  await collect(lane, { search, scope: scopeOf(lane, group), advance }, settings, parts, signal);
}

/** What every commit of a live lane keeps besides the place of its services. */
function remembered(cursor: Cursor, read: ReadSoFar, parts: FeedParts): Advance {
  const newest =
    read.newest !== undefined && read.newest > newestOf(cursor) ? formatInstant(read.newest) : cursor.newest;
  const organization = cursor.organization ?? read.organization;
  const { memory, own } = parts.beside.next({ events: read.events, organization });
  return {
    organization,
    newest,
    memory: { ...cursor.memory, ...memory },
    own,
  };
}

/** The place of a group's services that follows what was read of a window. */
function position(cursor: Cursor, group: Group, read: ReadSoFar, overlap: number): Advance {
  if (read.startedAt === undefined || (!read.complete && read.readTo === undefined)) return {};
  const settled = settledAfter(group.settled, read.readTo, read.startedAt, overlap);
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
    const pages = parts.source.pages({ services: [service], start: window.start, end: window.end }, signal);
    try {
      await pages.next();
    } catch (error) {
      const failure = asCollectorError(error);
      if (!refusals.has(failure.code)) throw failure;
      refused.set(service, failure);
    } finally {
      await pages.return();
    }
  }
  return refused;
}

export function refuseForeignState(stored: Cursor, settings: FeedSettings): void {
  const foreignUrl = stored.baseUrl !== settings.baseUrl;
  const foreignOrganization =
    settings.organization !== undefined &&
    stored.organization !== undefined &&
    stored.organization !== settings.organization;
  if (!foreignUrl && !foreignOrganization) return;
  const owner = foreignUrl ? stored.baseUrl : `organization ${stored.organization}`;
  const asked = foreignUrl ? settings.baseUrl : `organization ${settings.organization}`;
  throw new CollectorError(
    'ORGANIZATION_CHANGED',
    `The position stored for feed ${settings.name} belongs to ${owner}, but the configuration names ${asked}. Nothing was delivered.`,
    { cure: `Give the other organization a feed name and a place of its own, or set it back to ${owner}.` },
  );
}

/** Milliseconds until a failed poll is tried again: doubling with jitter; once a minute at most while a key is refused. */
function retryDelay(failure: CollectorError, failures: number, settings: FeedSettings, parts: FeedParts): number {
  if (failure.exitCode === exitCodes.credential) return 60_000;
  const longest = Math.max(LONGEST_RETRY_MS, settings.interval);
  return Math.min(longest, 1000 * 2 ** Math.min(failures, 20)) * (0.5 + 0.5 * parts.random());
}

async function waitForCure(failure: CollectorError, ms: number, parts: FeedParts, signal: AbortSignal): Promise<void> {
  if (failure.exitCode !== exitCodes.credential) return parts.clock.sleep(ms, signal);
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  await Promise.race([parts.clock.sleep(ms, either), parts.credentialChanged(either)]);
  done.abort();
}

function newestOf(cursor: Cursor): Instant {
  return parseInstant(cursor.newest) ?? 0n;
}
