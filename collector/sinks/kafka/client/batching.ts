import type { OutgoingMessage } from './outgoing-message.js';
import { BATCH_HEADER_BYTES, type EncodedRecords, encodeRecords } from './record-batch.js';
import type { KafkaSettings } from './settings.js';

// A produce request takes one batch a topic-partition, and the broker compares each, as it arrives, with max.message.bytes
// (1 MB by default) as a whole. What a partition gets beyond that goes with the next request.
const MOST_BYTES_A_BATCH = 900_000;
/** Before compression: what a consumer holds in memory at a time. */
const MOST_BYTES_UNPACKED = 4_000_000;
const MOST_RECORDS = 5_000;
/** A slow line carries so much within the time that an answer is waited for. */
const MOST_BYTES_A_REQUEST = 8_000_000;

/** A batch of one partition, but for its header. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: EncodedRecords;
}

/** The most bytes that a batch of a topic may have. */
export type LimitOf = (topic: string) => number;

/**
 * Encodes messages as batches, within their topics' limits; those of a partition in the order of its messages. A single
 * message over the limit gets a batch of its own. The compressions of several batches run side by side.
 */
export async function encodeBatches(
  messages: readonly OutgoingMessage[],
  limitOf: LimitOf,
  compression: KafkaSettings['compression'],
): Promise<PartitionBatch[]> {
  const places = groupByPlace(messages);
  const encoded = places.map(async ([{ topic, partition }, of]) => {
    const room = Math.min(MOST_BYTES_A_BATCH, batchRoom(limitOf(topic)));
    const unpacked = compression === 'none' ? room : MOST_BYTES_UNPACKED;
    const slices = cut(of, unpacked).map((slice) => encodeWithin(slice, room, compression));
    return (await Promise.all(slices)).flat().map((records) => ({ topic, partition, records }));
  });
  return (await Promise.all(encoded)).flat();
}

/**
 * Cuts batches into rounds, one produce request a broker each: in a round a partition comes once at most, and it has no more
 * bytes than a request may have. A partition's batches keep their order.
 */
export function cutIntoRounds(batches: readonly PartitionBatch[]): PartitionBatch[][] {
  const rounds: { batches: PartitionBatch[]; bytes: number }[] = [];
  const lastOf = new Map<string, number>();
  for (const batch of batches) {
    const place = `${batch.topic}/${batch.partition}`;
    const size = batch.records.bytes.length + BATCH_HEADER_BYTES;
    let number = (lastOf.get(place) ?? -1) + 1;
    while ((rounds[number]?.bytes ?? 0) > Math.max(0, MOST_BYTES_A_REQUEST - size)) number += 1;
    const round = rounds[number] ?? { batches: [], bytes: 0 };
    rounds[number] = round;
    round.batches.push(batch);
    round.bytes += size;
    lastOf.set(place, number);
  }
  return rounds.map((round) => round.batches);
}

/** Bytes for records in a batch that may have `limit` bytes with its header. */
export function batchRoom(limit: number): number {
  return Math.max(512, limit - 128);
}

/** Halves what compression did not make small enough. */
async function encodeWithin(
  messages: readonly OutgoingMessage[],
  room: number,
  compression: KafkaSettings['compression'],
): Promise<EncodedRecords[]> {
  const records = await encodeRecords(messages, compression);
  if (records.bytes.length <= room || messages.length === 1) return [records];
  const middle = Math.ceil(messages.length / 2);
  const halves = [messages.slice(0, middle), messages.slice(middle)];
  return (await Promise.all(halves.map((half) => encodeWithin(half, room, compression)))).flat();
}

function cut(messages: readonly OutgoingMessage[], mostBytes: number): OutgoingMessage[][] {
  const slices: OutgoingMessage[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const { size } = message;
    const current = slices.at(-1);
    if (current === undefined || current.length >= MOST_RECORDS || bytes + size > mostBytes) {
      slices.push([message]);
      bytes = size;
    } else {
      current.push(message);
      bytes += size;
    }
  }
  return slices;
}

function groupByPlace(messages: readonly OutgoingMessage[]): [OutgoingMessage, OutgoingMessage[]][] {
  const places = new Map<string, [OutgoingMessage, OutgoingMessage[]]>();
  for (const message of messages) {
    const place = `${message.topic}/${message.partition}`;
    const group = places.get(place);
    if (group === undefined) places.set(place, [message, [message]]);
    else group[1].push(message);
  }
  return [...places.values()];
}
