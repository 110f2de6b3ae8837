import { floorToMillisecond, type Instant } from '../../../../mappings/instant.js';
import type { Clock } from '../../../clock.js';
import { CollectorError } from '../../../errors.js';
import { hashOf } from '../../../position/dedupe-set.js';
import type { KafkaRecord, PartitionReader } from '../client/partition-reader.js';
import type { Topic } from '../topics/topics.js';

/** A record is published after it happened, but a device's clock may be ahead of the collector's by as much as this. */
const AHEAD_MS = 60 * 60_000;
/** How long a read is kept: the searches of one comparison follow one another, and a topic may be recreated. */
const KEPT_MS = 10 * 60_000;
/** Most records that are kept (some tens of megabytes); beyond that every search reads again. */
const MOST_KEPT = 400_000;

/** What is looked for. */
export interface Search {
  readonly uids: readonly string[];
  /** Times of the records: from ≤ time < to. */
  readonly from: Instant;
  readonly to: Instant;
  /** How long to wait for an open transaction. */
  readonly timeoutMs: number;
}

/**
 * Tells which uids are in the topics. They are read from the publishing time on at which a record of `from` can have been
 * published at the earliest, up to their end. What was read is kept for the questions that follow: those of a comparison go
 * over a range hour by hour, and each would read all that was published since.
 */
export class DeliveredRecords {
  readonly #topics: readonly Topic[];
  readonly #clock: Clock;
  #read: Read | undefined;

  constructor(topics: readonly Topic[], clock: Clock) {
    this.#topics = topics.filter(({ use }) => use !== 'state');
    this.#clock = clock;
  }

  /**
   * @throws CollectorError SINK_REFUSED where retention has already deleted records published since then: what is not found
   *   may have been there
   */
  async find(reader: PartitionReader, search: Search): Promise<ReadonlySet<string>> {
    const now = this.#clock.now();
    const since = Math.max(0, Math.min(floorToMillisecond(search.from), now) - AHEAD_MS);
    if (this.#read === undefined || !this.#serves(this.#read, since)) {
      this.#read = { since, startedAt: this.#clock.monotonic(), times: new Map(), next: new Map() };
    }
    const read = this.#read;
    let found = findIn(read, search);
    if (found.size === new Set(search.uids).size) return found;
    try {
      for (const { name } of this.#topics)
        for (const partition of await reader.partitions(name)) await readOn(read, reader, name, partition, search);
    } catch (error) {
      // A topic may have been created again: what was read of it before is not there any more.
      this.#read = undefined;
      throw error;
    }
    // Not all of what was read could be kept.
    if (read.times.size >= MOST_KEPT) this.#read = undefined;
    found = findIn(read, search);
    if (found.size === new Set(search.uids).size) return found;
    await this.#requireWhole(reader, since);
    return found;
  }

  /** Drops what was read too long ago. */
  expire(): void {
    if (this.#read !== undefined && !this.#serves(this.#read, this.#read.since)) this.#read = undefined;
  }

  #serves({ since: first, startedAt }: Read, since: number): boolean {
    return since >= first && this.#clock.monotonic() - startedAt < KEPT_MS;
  }

  async #requireWhole(reader: PartitionReader, since: number): Promise<void> {
    for (const { name } of this.#topics) {
      for (const partition of await reader.partitions(name)) {
        const { start } = await reader.bounds(name, partition);
        if (start === 0n) continue;
        const first = await reader.offsetOfTime(name, partition, since);
        if (first === undefined || first <= start) throw noLongerWhole(name);
      }
    }
  }
}

/** What was read of the topics so far. */
interface Read {
  /** Publishing time from which on, epoch milliseconds. */
  readonly since: number;
  /** On the monotonic clock. */
  readonly startedAt: number;
  /** The records' times by their uids' hashes; NaN for one without a readable time, which lies in every range. */
  readonly times: Map<bigint, number>;
  /** Offset after the last record read, by `topic/partition`. */
  readonly next: Map<string, bigint>;
}

async function readOn(
  read: Read,
  reader: PartitionReader,
  topic: string,
  partition: number,
  { uids, timeoutMs }: Search,
): Promise<void> {
  const wanted = new Set(uids.map(hashOf));
  const place = `${topic}/${partition}`;
  const { end } = await reader.bounds(topic, partition);
  const from = read.next.get(place) ?? (await reader.offsetOfTime(topic, partition, read.since)) ?? end;
  if (from > end) throw madeAnew(topic);
  for await (const record of reader.read(topic, partition, from, end, timeoutMs)) {
    const uid = record.headers.event_id;
    if (uid === undefined) continue;
    const hash = hashOf(uid);
    if (read.times.size >= MOST_KEPT && !wanted.has(hash)) continue;
    // Of two records of one uid the one that lies in every range counts.
    if (!Number.isNaN(read.times.get(hash) ?? 0)) read.times.set(hash, timeOf(record));
  }
  read.next.set(place, end);
}

function findIn({ times }: Read, { uids, from, to }: Search): Set<string> {
  const first = floorToMillisecond(from);
  return new Set(
    uids.filter((uid) => {
      const time = times.get(hashOf(uid));
      if (time === undefined) return false;
      // A header has milliseconds, an instant nanoseconds: the millisecond it lies in counts.
      return Number.isNaN(time) || (time >= first && BigInt(time) * 1_000_000n < to);
    }),
  );
}

/** Epoch milliseconds; NaN where the record has no time. */
function timeOf({ headers }: KafkaRecord): number {
  const text = headers.event_time;
  if (text === undefined) return Number.NaN;
  const time = Number.isNaN(Date.parse(text)) ? Number(text) : Date.parse(text);
  return Number.isSafeInteger(time) ? time : Number.NaN;
}

function noLongerWhole(topic: string): CollectorError {
  return new CollectorError('SINK_REFUSED', `Topic ${topic} no longer holds all that was published since then.`, {
    cure: 'Raise retention.ms of the topic beyond the reach of reconciliation, or reconcile a later range.',
  });
}

function madeAnew(topic: string): CollectorError {
  return new CollectorError('SINK_REFUSED', `Topic ${topic} was recreated while it was read.`, {
    cure: 'Compare again: what the topic held before is gone.',
  });
}
