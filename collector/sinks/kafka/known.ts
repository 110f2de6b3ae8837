import { floorToMillisecond, type Instant } from '../../../mappings/instant.js';
import { CollectorError } from '../../errors.js';
import type { KafkaRecord, PartitionReader } from './partition-reader.js';
import type { Topic } from './topics.js';

/** A record is published after it happened, but a device's clock may be ahead of the collector's by as much as this. */
const AHEAD_MS = 60 * 60_000;

/** What is looked for. */
export interface Search {
  readonly uids: readonly string[];
  /** Times of the records: from ≤ time < to. */
  readonly from: Instant;
  readonly to: Instant;
  /** Epoch milliseconds. */
  readonly now: number;
  /** How long to wait for an open transaction. */
  readonly patienceMs: number;
}

/**
 * Which of these uids are in the topics. They are read from the publishing time on at which a record of `from` can have
 * been published at the earliest.
 * @throws CollectorError SINK_REFUSED where retention has already deleted records published since then: what is not found
 *   may have been there
 */
export async function findKnown(
  reader: PartitionReader,
  topics: readonly Topic[],
  search: Search,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const wanted = new Set(search.uids);
  let cut: string | undefined;
  for (const { name } of topics.filter(({ use }) => use !== 'state')) {
    for (const partition of await reader.partitions(name)) {
      if (found.size === wanted.size) return found;
      const isWhole = await searchPartition(reader, name, partition, search, wanted, found);
      if (!isWhole) cut ??= name;
    }
  }
  // What was deleted does not matter where everything was found elsewhere.
  if (cut !== undefined && found.size < wanted.size) throw noLongerWhole(cut);
  return found;
}

/** @returns false where records that were published since then may have been deleted */
async function searchPartition(
  reader: PartitionReader,
  topic: string,
  partition: number,
  search: Search,
  wanted: ReadonlySet<string>,
  found: Set<string>,
): Promise<boolean> {
  const since = Math.min(floorToMillisecond(search.from), search.now) - AHEAD_MS;
  const { start, end } = await reader.bounds(topic, partition);
  const first = await reader.offsetOfTime(topic, partition, Math.max(0, since));
  for await (const record of reader.read(topic, partition, first ?? end, end, search.patienceMs)) {
    const uid = record.headers.event_id;
    if (uid !== undefined && wanted.has(uid) && isWithin(record, search)) found.add(uid);
  }
  return start === 0n || (first !== undefined && first > start);
}

function noLongerWhole(topic: string): CollectorError {
  return new CollectorError('SINK_REFUSED', `Topic ${topic} no longer holds all that was published since then.`, {
    cure: 'Raise retention.ms of the topic beyond the reach of reconciliation, or reconcile a later range.',
  });
}

/** A dead letter without a readable time lies in every range. */
function isWithin({ headers }: KafkaRecord, { from, to }: Search): boolean {
  const text = headers.event_time;
  if (text === undefined) return true;
  const time = Number.isNaN(Date.parse(text)) ? Number(text) : Date.parse(text);
  // A header has milliseconds, an instant nanoseconds: the millisecond it lies in counts.
  return time >= floorToMillisecond(from) && BigInt(time) * 1_000_000n < to;
}
