import { floorToMillisecond, type Instant } from '../../../mappings/instant.js';
import { CollectorError } from '../../errors.js';
import type { PartitionReader } from './partition-reader.js';
import type { Topic } from './topics.js';

/** Clocks of collector and brokers may differ by this much. */
const CLOCK_MARGIN_MS = 5 * 60_000;

/**
 * Which of these uids are in the topics. A record is published after it happened (or, dated ahead, at any time), so the
 * topics are read from the publishing time that is no later than `from`.
 * @throws CollectorError SINK_REFUSED where retention has already deleted records published since then: what is not found
 *   may have been there
 */
export async function findKnown(
  reader: PartitionReader,
  topics: readonly Topic[],
  uids: readonly string[],
  from: Instant,
  _to: Instant,
  patienceMs: number,
): Promise<ReadonlySet<string>> {
  const wanted = new Set(uids);
  const found = new Set<string>();
  for (const { name, use } of topics) {
    if (use === 'state' || found.size === wanted.size) continue;
    for (const partition of await reader.partitions(name)) {
      await searchPartition(
        reader,
        name,
        partition,
        floorToMillisecond(from) - CLOCK_MARGIN_MS,
        patienceMs,
        wanted,
        found,
      );
    }
  }
  return found;
}

async function searchPartition(
  reader: PartitionReader,
  topic: string,
  partition: number,
  since: number,
  patienceMs: number,
  wanted: ReadonlySet<string>,
  found: Set<string>,
): Promise<void> {
  const { start, end } = await reader.bounds(topic, partition);
  const first = await reader.offsetOfTime(topic, partition, Math.max(0, since));
  const deleted = start > 0n && (first === undefined || first <= start);
  for await (const { headers } of reader.read(topic, partition, first ?? end, end, patienceMs)) {
    const uid = headers.event_id;
    if (uid !== undefined && wanted.has(uid)) found.add(uid);
  }
  if (deleted && found.size < wanted.size) {
    throw new CollectorError('SINK_REFUSED', `Topic ${topic} no longer holds all that was published since then.`, {
      cure: 'Raise retention.ms of the topic beyond the reach of reconciliation, or reconcile a later range.',
    });
  }
}
