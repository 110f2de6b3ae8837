import { Partitioners, type PartitionMetadata } from 'kafkajs';
import type { DeadLetter } from '../../../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../../../mappings/event.js';
import type { KeptRecord } from '../../../../mappings/normalise.js';
import { ocsfVersion } from '../../../../schemas/ocsf.js';

/** A record on its way to one partition. Its partition is fixed here: kafkajs repeats its own choice at every retry. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** Null: a tombstone. */
  readonly value: string | Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes it takes in an uncompressed batch, rounded up: its encoding never has more. */
  readonly size: number;
}

/** Where a message goes. */
export type Place = Pick<OutgoingMessage, 'topic' | 'partition'>;

const partitioner = Partitioners.DefaultPartitioner();

/** Of topics with so many partitions: all that the partitioner wants to know. */
const partitionLists = new Map<number, PartitionMetadata[]>();

/** The partition of a key among `count`: murmur2, as Kafka's Java client places it. */
export function partitionOf(topic: string, key: string, count: number): number {
  let partitionMetadata = partitionLists.get(count);
  if (partitionMetadata === undefined) {
    partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
      partitionId,
      leader: 0,
      partitionErrorCode: 0,
      replicas: [],
      isr: [],
    }));
    partitionLists.set(count, partitionMetadata);
  }
  return partitioner({ topic, partitionMetadata, message: { key, value: null } });
}

const JSON_TYPE = 'application/json';

/** Headers by which a consumer can filter without parsing. */
export function eventHeaders(event: NormalisedEvent, feed: string): Record<string, string> {
  return {
    'content-type': JSON_TYPE,
    ocsf_version: ocsfVersion,
    class_uid: String(event.classUid),
    type_uid: String(event.typeUid),
    event_id: event.uid,
    event_time: isoTime(event.time),
    event_code: event.eventCode,
    feed,
  };
}

/** Headers of a dead letter: why it is one and what it was, without its text. */
export function deadLetterHeaders(letter: DeadLetter, feed: string): Record<string, string> {
  return {
    'content-type': JSON_TYPE,
    event_id: letter.uid,
    reason: letter.reason,
    message: letter.message,
    service: letter.service,
    event_type: letter.event_type,
    sha256: letter.raw_sha256,
    ...(letter.record_id === undefined ? {} : { record_id: letter.record_id }),
    ...(letter.time === undefined ? {} : { event_time: isoTime(letter.time) }),
    feed,
  };
}

/** Headers of a record that is kept as it came because its class is not selected. */
export function rawHeaders(record: KeptRecord, feed: string): Record<string, string> {
  return {
    'content-type': JSON_TYPE,
    event_id: record.uid,
    class_uid: String(record.classUid),
    event_code: record.eventCode,
    service: record.service,
    event_time: isoTime(record.time),
    feed,
  };
}

/** A message with its size. */
export function outgoing(message: Omit<OutgoingMessage, 'size'>): OutgoingMessage {
  const { topic, partition, key, value, headers } = message;
  let size = 40 + Buffer.byteLength(key) + (value === null ? 0 : Buffer.byteLength(value));
  for (const [name, text] of Object.entries(headers)) size += 8 + Buffer.byteLength(name) + Buffer.byteLength(text);
  return { topic, partition, key, value, headers, size };
}

/** Outside the years a Date can hold the number itself is given. */
function isoTime(time: number): string {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : String(time);
}
