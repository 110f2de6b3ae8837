import { type OutgoingMessage, sizeOf } from './messages.js';

// kafkajs groups by copying arrays: quadratic beyond some thousands of records a send. It writes one record batch a
// topic-partition and send, and the broker compares each with max.message.bytes (1 MB by default) as a whole.
const MOST_RECORDS = 2_000;
const MOST_BYTES_A_PARTITION = 900_000;
const MOST_BYTES = 8_000_000;

/**
 * Cuts messages into sends that stay under the limits of records, batches and requests. Order within a partition holds.
 * @param limitOf the most bytes a batch of the topic may have; a single larger message gets a batch of its own
 */
export function cutIntoSends(
  messages: readonly OutgoingMessage[],
  limitOf: (topic: string) => number,
): OutgoingMessage[][] {
  const sends: OutgoingMessage[][] = [];
  let current: OutgoingMessage[] = [];
  let total = 0;
  let perPartition = new Map<string, number>();
  for (const message of messages) {
    const size = sizeOf(message);
    const place = `${message.topic}/${message.partition}`;
    const used = perPartition.get(place) ?? 0;
    const limit = Math.min(MOST_BYTES_A_PARTITION, batchRoom(limitOf(message.topic)));
    const full = current.length >= MOST_RECORDS || total + size > MOST_BYTES || used + size > limit;
    if (full && current.length > 0) {
      sends.push(current);
      current = [];
      total = 0;
      perPartition = new Map();
    }
    current.push(message);
    total += size;
    perPartition.set(place, (perPartition.get(place) ?? 0) + size);
  }
  if (current.length > 0) sends.push(current);
  return sends;
}

/** Bytes for records in a batch that may have `limit` bytes with its header. */
export function batchRoom(limit: number): number {
  return Math.max(512, limit - 128);
}
