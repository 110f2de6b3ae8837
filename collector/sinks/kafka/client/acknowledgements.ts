import type { RecordMetadata } from 'kafkajs';
import { CollectorError } from '../../../errors.js';
import type { Place } from './outgoing-message.js';

/**
 * Checks that a send was acknowledged for each of its topic-partitions exactly once, and returns the first offset of each
 * (`topic/partition` → offset). Nothing but this list tells of a partition that was left out or written twice.
 * @throws CollectorError SINK_IN_DOUBT
 */
export function requireAcknowledged(
  sent: readonly Place[],
  acknowledged: readonly RecordMetadata[],
): ReadonlyMap<string, bigint> {
  const wanted = new Set(sent.map(({ topic, partition }) => `${topic}/${partition}`));
  const offsets = new Map<string, bigint>();
  for (const { topicName, partition, baseOffset } of acknowledged) {
    const place = `${topicName}/${partition}`;
    if (offsets.has(place)) throw incomplete(`${place} was acknowledged twice`);
    if (!wanted.has(place)) throw incomplete(`${place} was acknowledged but not sent to`);
    offsets.set(place, BigInt(baseOffset ?? -1));
  }
  for (const place of wanted) if (!offsets.has(place)) throw incomplete(`${place} was not acknowledged`);
  return offsets;
}

function incomplete(what: string): CollectorError {
  return new CollectorError('SINK_IN_DOUBT', `Kafka, sending records: ${what}; a leader moved meanwhile.`, {
    cure: 'Nothing: the lane is opened again and goes on from what is committed.',
    transient: true,
    detail: 'INCOMPLETE_ACKNOWLEDGEMENT',
  });
}
