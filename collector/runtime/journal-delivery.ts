import type { NormalisedEvent } from '../../mappings/event.js';
import type { Clock } from '../clock.js';
import type { FeedConfig } from '../config/feed-config.js';
import { asCollectorError } from '../errors.js';
import { type JournalPosition, journalLinesAfter, type PlacedLine } from '../files/hash-chained-journal.js';
import type { Log } from '../log/logger.js';
import type { CommitExtension } from '../pipeline/commit-extension.js';
import { type Cursor, firstCursor } from '../position/cursor.js';
import { positionOnly } from '../sinks/batch.js';
import type { LaneSink } from '../sinks/sink.js';
import { openSink } from './open-sink.js';

/** Events of one commit, at most. */
const BATCH = 500;
/** Lines that come within this are one commit. */
const GATHER_MS = 2_000;
const RETRY_MS = 30_000;
/** How long the last delivery may keep a process that ends. */
const CLOSE_MS = 15_000;

/** A hash-chained journal whose lines are delivered as events. */
export interface DeliveredJournal {
  readonly directory: string;
  readonly name: string;
  /** The sink is opened by this, under this feed's name. */
  readonly destination: FeedConfig;
  readonly lane: string;
  /** Names in the position what the lane reads. */
  readonly source: string;
  readonly eventsOf: (line: PlacedLine) => readonly NormalisedEvent[];
  /** Attaches its state and its own events to the commits. */
  readonly extension?: CommitExtension | undefined;
}

/** Delivers each line of a journal as events, exactly once. */
export interface JournalDelivery {
  /** A line was written. */
  wake(): void;
  /** Whether the last try failed. */
  isFailing(): boolean;
  /** Delivers what was written until now, as far as that is possible within some seconds. Never rejects. */
  close(): Promise<void>;
}

/** Starts to deliver: what earlier processes left, then what comes. */
export function startJournalDelivery(
  journal: DeliveredJournal,
  clock: Pick<Clock, 'now' | 'sleep' | 'monotonic'>,
  log: Log,
): JournalDelivery {
  const scope = `delivery of ${journal.name}`;
  const stopping = new AbortController();
  let pending = true;
  let failing = false;
  let arrived: () => void = () => undefined;
  const loop = async () => {
    for (;;) {
      if (!pending && !stopping.signal.aborted)
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      await clock.sleep(GATHER_MS, stopping.signal);
      const isLast = stopping.signal.aborted;
      pending = false;
      try {
        await deliverJournal(journal, clock, log);
        failing = false;
        log.recovered(scope);
      } catch (error) {
        pending = true;
        // Another process delivers this journal at the moment.
        if (asCollectorError(error).code === 'LANE_IN_USE') log.debug(`${scope}: another process delivers it`);
        else {
          failing = true;
          log.failing(scope, error);
        }
        if (!isLast) await clock.sleep(RETRY_MS, stopping.signal);
      }
      if (isLast) return;
    }
  };
  const ended = loop();
  return {
    wake() {
      pending = true;
      arrived();
    },
    isFailing: () => failing,
    async close() {
      stopping.abort();
      arrived();
      const enough = new AbortController();
      const late = clock.sleep(CLOSE_MS, enough.signal).then(() => !enough.signal.aborted);
      if (await Promise.race([ended.then(() => false), late]))
        log.warn(
          `the events of ${journal.name} are not delivered yet: the journal has them, and the next start delivers`,
        );
      enough.abort();
    },
  };
}

/**
 * Delivers the lines behind the lane's position. A line's events and the position behind it are one commit, so that a crash
 * neither loses nor repeats one; only lines that were not delivered are read.
 * @throws CollectorError STATE_CORRUPT where the journal does not go on from the position; what the sink throws
 */
export async function deliverJournal(
  journal: DeliveredJournal,
  clock: Pick<Clock, 'now' | 'sleep' | 'monotonic'>,
  log: Log,
): Promise<void> {
  // Nothing to deliver: nothing of the sink is made.
  if (!(await hasLine(journal))) return;
  const sink = await openSink(journal.destination, log, clock);
  const lane = sink.lane(journal.lane);
  try {
    const committed = await lane.open();
    const cursor = committed?.cursor ?? firstCursorOf(journal, clock.now());
    const stored = cursor.extensions[SLOT] as JournalPosition | undefined;
    journal.extension?.restore(cursor.extensions[journal.extension.key], cursor);
    await deliverAfter(stored, cursor, journal, lane, clock);
  } finally {
    await lane.close();
    await sink.close();
  }
}

/** The generator is returned to, so that it closes its file. */
async function hasLine({ directory, name }: DeliveredJournal): Promise<boolean> {
  for await (const _ of journalLinesAfter(directory, name, undefined)) return true;
  return false;
}

/** Where the cursor keeps the position in the journal. */
const SLOT = 'journal';

async function deliverAfter(
  stored: JournalPosition | undefined,
  first: Cursor,
  { directory, name, eventsOf, extension }: DeliveredJournal,
  lane: LaneSink,
  clock: Pick<Clock, 'now'>,
): Promise<void> {
  let cursor = first;
  let events: NormalisedEvent[] = [];
  let position = stored;
  const commit = async () => {
    const before = cursor;
    const all = before.counts.events + events.length;
    const after = { ...before, counts: { ...before.counts, records: all, events: all }, committedAt: clock.now() };
    const attached = extension?.beforeCommit({
      before,
      after,
      events,
      hours: [],
      search: undefined,
      isStepBack: false,
    });
    const own = attached?.ownEvents ?? [];
    if (position === undefined || (events.length === 0 && own.length === 0)) return;
    const extensions = {
      ...before.extensions,
      [SLOT]: position,
      ...(extension === undefined || attached?.state === undefined ? {} : { [extension.key]: attached.state }),
    };
    cursor = { ...after, extensions };
    await lane.commit({ ...positionOnly(cursor), events: [...events, ...own] });
    events = [];
  };
  // A position of an earlier build only counts: its lines were one event each.
  const counted = stored === undefined ? first.counts.events : 0;
  for await (const line of journalLinesAfter(directory, name, stored)) {
    if (line.number <= counted) continue;
    events.push(...eventsOf(line));
    position = line.position;
    if (events.length >= BATCH) await commit();
  }
  await commit();
}

function firstCursorOf({ destination, lane, source }: DeliveredJournal, now: number): Cursor {
  return firstCursor({
    feed: destination.name,
    lane,
    organization: undefined,
    baseUrl: source,
    start: Math.floor(now / 1000),
    services: [],
    now,
  });
}
