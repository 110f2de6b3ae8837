import { formatSecond } from '../../mappings/instant.js';
import { SECONDS_PER_DAY } from '../../mappings/time-units.js';
import { earlierOf } from '../clock.js';
import { asCollectorError } from '../errors.js';
import { type Cursor, firstCursor, selectServices } from '../position/cursor.js';
import { LIVE_LANE } from '../position/lane-name.js';
import { servicePosition } from '../position/service-groups.js';
import { isSuspicious } from '../position/step-back.js';
import { emptyBatch } from './batch-builder.js';
import type { FeedDependencies, FeedSettings } from './dependencies.js';
import { Lane } from './lane.js';
import { refuseForeignState } from './organization-guard.js';

/**
 * Opens the live lane: first run, continuation, or refusal of a state that belongs to somebody else.
 * @param tells whether to say that JumpCloud's time is asked for; false where it was said before
 */
export async function openLive(
  settings: FeedSettings,
  parts: FeedDependencies,
  signal?: AbortSignal,
  tells = true,
): Promise<Lane> {
  await learnClock(settings, parts, signal, tells);
  const now = Math.floor(earlierOf(parts.clocks()) / 1000);
  let started: readonly string[] = [];
  const prepare = (stored: Cursor | undefined) => {
    if (stored === undefined) return firstLiveCursor(settings, parts);
    refuseForeignState(stored, settings);
    const fitted = selectServices(stored, settings.services, settings.start(now));
    started = fitted.started;
    return fitted.cursor;
  };
  const lane = await Lane.open(LIVE_LANE, parts.sink, parts.clock, parts.observer, prepare, parts.extensions);
  if (!lane.resumed) {
    parts.observer({
      type: 'noted',
      lane: LIVE_LANE,
      message: `first run: no position is stored for this feed; collecting from ${formatSecond(lane.cursor.position.ownedFrom)}`,
    });
    // The origin is stored before anything is read: it decides for good which lane owns which record.
    await lane.commit(emptyBatch, {}).catch(async (error) => {
      await lane.close();
      throw error;
    });
  }
  for (const service of started) {
    const from = formatSecond(servicePosition(lane.cursor.position, service).watermark);
    parts.observer({
      type: 'noted',
      lane: LIVE_LANE,
      message: `newly selected service ${service}: collecting it from ${from}`,
    });
  }
  return lane;
}

/**
 * Before a first run (of the feed or of a service) that begins "so long ago", and where the stored position lies ahead of
 * the local clock: asks JumpCloud for anything at all, because its answer gives its clock. An origin is fixed for good: it
 * is taken from the earlier of both clocks, so that nothing that was asked for is left out.
 */
async function learnClock(
  settings: FeedSettings,
  parts: FeedDependencies,
  signal: AbortSignal | undefined,
  tells: boolean,
): Promise<void> {
  const now = Math.floor(parts.clocks().local / 1000);
  const stored = await parts.sink.peek(LIVE_LANE);
  const isFixed = settings.start(now) === settings.start(now - SECONDS_PER_DAY);
  const isNew = stored === undefined || settings.services.some((service) => !isPlaced(stored, service));
  const isAhead = stored !== undefined && isSuspicious(stored.position, Math.max(now, settings.start(now)));
  if (!isAhead && (isFixed || !isNew)) return;
  // Without it nothing would be said for as long as the network hangs.
  if (tells)
    parts.observer({
      type: 'noted',
      lane: LIVE_LANE,
      message:
        stored === undefined
          ? 'no position is stored yet: asking JumpCloud for its time, by which it begins'
          : `asking JumpCloud for its time: ${isAhead ? "the stored position lies ahead of this machine's clock" : 'a newly selected service begins by it'}`,
    });
  const pages = parts.source.pages({ services: settings.services, start: now - 60, end: now }, signal);
  try {
    await pages.next();
  } catch (error) {
    const failure = asCollectorError(error);
    // A refusal gives the time as well; what it means is for the first poll to say. Not so that of the key: it is said
    // at once, since the client would let the poll wait for a minute before it asks with such a key again.
    if (failure.is('unanswered') || failure.code === 'CREDENTIAL_REFUSED') throw error;
  } finally {
    await pages.return();
  }
}

function isPlaced({ position: { services, perService } }: Cursor, service: string): boolean {
  return services.includes(service) || perService[service] !== undefined;
}

/** The position of a feed that has never run. */
function firstLiveCursor(settings: FeedSettings, parts: Pick<FeedDependencies, 'clocks' | 'clock'>): Cursor {
  return firstCursor({
    feed: settings.name,
    lane: LIVE_LANE,
    organization: settings.organization,
    baseUrl: settings.baseUrl,
    start: settings.start(Math.floor(earlierOf(parts.clocks()) / 1000)),
    services: settings.services,
    now: parts.clock.now(),
  });
}
