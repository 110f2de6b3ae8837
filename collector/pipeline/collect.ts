import type { MappingSettings } from '../../mappings/normalise.js';
import { type Clock, type ClockReading, earlierOf } from '../clock.js';
import type { Page, Search, Source } from '../jumpcloud/insights/source.js';
import { BatchBuilder, ForeignOrganization, type RecordOwnership, type Selection } from './batch-builder.js';
import { BatchRoom } from './batch-room.js';
import type { Advance, Lane } from './lane.js';
import type { MemoryBudget } from './memory-budget.js';
import type { FeedObserver } from './observer.js';
import { foreignRecord } from './organization-guard.js';
import type { HourOutcomes, MinuteCounts } from './outcome-counts.js';
import { identitiesBefore } from './timeless-records.js';

/** One search to deliver, and what its records and its progress mean to the lane. */
export interface Collection {
  readonly search: Search;
  readonly scope: RecordOwnership;
  /** The position that follows what was read so far; asked once before each commit. */
  readonly advance: (read: ReadSoFar) => Advance;
  /** The search's pages where it is under way already; by default they are asked for. */
  readonly pages?: AsyncGenerator<Page, void, void>;
}

/** How much of a search is in hand when a batch is committed. */
export interface ReadSoFar {
  /** True when the search was read to its end. */
  readonly complete: boolean;
  /** Whole second up to which everything was read: the search's end, or where it stands; undefined at the end of an open search, or where JumpCloud's order gives no such second. */
  readonly readTo: number | undefined;
  /** Whole second that both clocks had passed when the search began; undefined where they are apart. */
  readonly startedAt: number | undefined;
  /** The newest instant of records that are not dated ahead of either clock. */
  readonly newest: bigint | undefined;
  readonly organization: string | undefined;
  /** New records of the batch at hand, by service and hour. */
  readonly hours: readonly HourOutcomes[];
  /** Records shown so far. */
  readonly minutes: MinuteCounts;
}

/** Who collects, and with what. */
export interface CollectSettings extends Selection, MappingSettings {
  readonly name: string;
  /** Records per commit. */
  readonly batchSize: number;
}

/** The parts that collecting needs. */
export interface CollectDependencies {
  readonly source: Source;
  readonly clock: Clock;
  readonly observer: FeedObserver;
  /** The local clock and JumpCloud's. */
  readonly clocks: () => ClockReading;
  /** Of the process. */
  readonly memory: MemoryBudget;
}

/** While a search goes on, each commit takes twice the records of the one before, up to so many times the usual. */
const MOST_GROWTH = 8;

/**
 * Reads a search to its end and delivers it batch by batch: the next page is fetched while the last is mapped, and
 * mapped while the batch before it is committed; one commit is under way at a time. Each batch waits for its room in memory
 * before its first page is asked for.
 * @throws CollectorError the source's or the sink's failure; whole pages that came before a failure of the source are delivered
 */
export async function collect(
  lane: Lane,
  { search, scope, advance, pages: underWay }: Collection,
  settings: CollectSettings,
  parts: CollectDependencies,
  signal: AbortSignal,
): Promise<void> {
  const started = parts.clock.monotonic();
  parts.observer({ type: 'searching', lane: lane.name, search });
  const { organization } = lane.cursor;
  const preceding = () => identitiesBefore(parts.source, search, signal, lane.lookedBack);
  const builder = new BatchBuilder(
    lane.dedupeSet,
    lane.recent,
    settings,
    scope,
    settings,
    search.start,
    organization,
    preceding,
  );
  const before = passed(parts.clocks());
  let startedAt: number | undefined;
  let { batchSize } = settings;
  let pages = 0;
  let records = 0;
  let committing: Promise<void> = Promise.resolve();
  const room = new BatchRoom(parts.memory, lane.searchSize, search.end === undefined, signal);
  const commit = async (complete: boolean) => {
    await committing;
    const readTo = complete ? search.end : builder.readTo;
    const { newest, organization, minutes, bytes } = builder;
    const content = builder.take();
    const { hours } = content;
    const read = { complete, readTo, startedAt, newest, organization, hours, minutes };
    const progress = advance(read);
    const release = room.close(bytes);
    committing = lane.commit(content, progress).finally(release);
    // Awaited before the next commit and at the end; until then a rejection must not count as unhandled.
    committing.catch(() => undefined);
  };

  let failure: unknown;
  const source = underWay ?? parts.source.pages(search, signal);
  try {
    await room.open();
    for (let next = source.next(); ; ) {
      const { value: page, done } = await next;
      if (done) break;
      // The first answer may be the first to show that the local clock is wrong.
      if (pages === 0) startedAt = earlier(before, passed(parts.clocks()));
      const hasRoom = room.take(page, builder.bytes);
      const isFull = builder.size + page.records.length >= batchSize || !(hasRoom || page.last);
      // What follows a full batch waits for room of its own; this one is committed meanwhile.
      next = isFull && !page.last ? room.open().then(() => source.next()) : source.next();
      // An error that arrives while this page is mapped is reported where the next one is awaited.
      next.catch(() => undefined);
      await builder.add(page);
      pages += 1;
      records += page.records.length;
      parts.observer({ type: 'page', lane: lane.name, ...page, records: page.records.length });
      // The search may wait long for room, and holds this page as long.
      page.records = [];
      if (!isFull) continue;
      await commit(false);
      // A live poll ends before its second commit; what is catching up makes fewer commits and larger files.
      batchSize = Math.min(2 * batchSize, MOST_GROWTH * settings.batchSize);
    }
  } catch (error) {
    failure = error;
  } finally {
    await source.return().catch(() => undefined);
  }
  try {
    await committing;
    if (failure instanceof ForeignOrganization) throw foreignRecord(failure.found, lane.cursor, settings.name);
    // Whole pages that came before a failure are good: the position stops short of what is missing.
    await commit(failure === undefined);
    await committing;
  } finally {
    room.leave();
  }
  lane.forget();
  if (failure !== undefined) throw failure;
  parts.observer({
    type: 'searched',
    lane: lane.name,
    search,
    pages,
    records,
    durationMs: parts.clock.monotonic() - started,
  });
}

/** The whole second that has passed by both clocks; undefined where they are apart. */
function passed(clocks: ClockReading): number | undefined {
  return clocks.apart ? undefined : Math.floor(earlierOf(clocks) / 1000);
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.min(a, b);
}
