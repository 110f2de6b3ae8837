import { floorToMillisecond, type Instant } from '../../../../mappings/instant.js';
import type { Clock } from '../../../clock.js';
import { CollectorError } from '../../../errors.js';
import { hashOf } from '../../../position/dedupe-set.js';
import { isRightMissing } from '../client/missing-acl.js';
import type { KafkaRecord, PartitionReader } from '../client/partition-reader.js';
import type { KafkaSettings } from '../client/settings.js';
import { topicsLeftOut, topicsOf } from '../topics/topics.js';

/** A record is published after it happened, but a device's clock may be ahead of the collector's by as much as this. */
const AHEAD_MS = 60 * 60_000;
/** How long a read is kept: the searches of one comparison follow one another, and a topic may be recreated. */
const KEPT_MS = 10 * 60_000;
/** Most records that are kept (some tens of megabytes); beyond that every search reads again. */
const MOST_KEPT = 400_000;
/** Offsets before the publishing time asked for that are looked at for records of a clock that was behind. */
const FIRST_STEP_BACK = 256n;
const STEP_FACTOR = 4n;

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
  readonly #topics: readonly string[];
  readonly #leftOut: readonly string[];
  readonly #clock: Clock;
  #read: Read | undefined;

  constructor(settings: KafkaSettings, clock: Clock) {
    this.#topics = topicsOf(settings)
      .filter(({ use }) => use !== 'state')
      .map(({ name }) => name);
    this.#leftOut = topicsLeftOut(settings);
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
      for await (const [name, partition] of this.#partitions(reader))
        await readOn(read, reader, name, partition, search);
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
    for await (const [name, partition] of this.#partitions(reader)) {
      const { start, end } = await reader.bounds(name, partition);
      if (start === 0n) continue;
      // Nothing new comes to a class that is not selected: retention empties its topic in the end.
      if (start === end && this.#leftOut.includes(name)) continue;
      // Where all that is left was published earlier, so was all that was deleted before it.
      const first = (await reader.offsetOfTime(name, partition, since)) ?? end;
      if (first > start) continue;
      throw start === end ? emptied(name, partition) : noLongerWhole(name);
    }
  }

  /** The partitions of all topics that are there. One that is missing holds nothing: the others are read all the same. */
  async *#partitions(reader: PartitionReader): AsyncGenerator<[topic: string, partition: number]> {
    for (const name of this.#topics)
      for (const partition of (await reader.partitionsIfThere(name)) ?? []) yield [name, partition];
    for (const name of this.#leftOut) {
      for (const partition of await readablePartitions(reader, name)) yield [name, partition];
    }
  }
}

/** Of a class that was never selected no right is needed: a topic that may not be read has none of the feed's records. */
async function readablePartitions(reader: PartitionReader, topic: string): Promise<readonly number[]> {
  try {
    const partitions = (await reader.partitionsIfThere(topic)) ?? [];
    const [first] = partitions;
    if (first !== undefined) await reader.peekAt(topic, first, (await reader.bounds(topic, first)).start);
    return partitions;
  } catch (error) {
    if (isRightMissing(error)) return [];
    throw error;
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
  const { start, end } = await reader.bounds(topic, partition);
  /** @returns whether one of the records happened after the publishing time that is read from */
  const take = async (from: bigint, to: bigint): Promise<boolean> => {
    let isLater = false;
    for await (const record of reader.read(topic, partition, from, to, timeoutMs)) {
      const uid = record.headers.event_id;
      if (uid === undefined) continue;
      const [hash, time] = [hashOf(uid), timeOf(record)];
      isLater ||= time >= read.since;
      if (read.times.size >= MOST_KEPT && !wanted.has(hash)) continue;
      // Of two records of one uid the one that lies in every range counts.
      if (!Number.isNaN(read.times.get(hash) ?? 0)) read.times.set(hash, time);
    }
    return isLater;
  };
  let from = read.next.get(place);
  if (from === undefined) {
    from = (await reader.offsetOfTime(topic, partition, read.since)) ?? end;
    // A publisher whose clock was behind leaves records before that place that happened after it.
    let lower = from;
    for (let step = FIRST_STEP_BACK, upper = from; upper > start; step *= STEP_FACTOR, upper = lower) {
      lower = upper - step > start ? upper - step : start;
      if (!(await take(lower, upper))) break;
    }
  }
  if (from > end) throw madeAnew(topic);
  await take(from, end);
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

/** Of deleted records nobody can say when they were published: retention may have been shorter than it is today. */
function emptied(topic: string, partition: number): CollectorError {
  return new CollectorError(
    'SINK_REFUSED',
    `All records of partition ${partition} of topic ${topic} were deleted: it cannot be said whether one was published since then.`,
    {
      cure: 'Reconcile a range that begins more than an hour after the next record of that partition, and raise retention.ms of the topic so that a quiet partition keeps one.',
    },
  );
}

function madeAnew(topic: string): CollectorError {
  return new CollectorError('SINK_REFUSED', `Topic ${topic} was recreated while it was read.`, {
    cure: 'Compare again: what the topic held before is gone.',
  });
}
