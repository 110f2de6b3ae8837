import { Partitioners, type PartitionMetadata } from 'kafkajs';

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

/** A message with its size. */
export function outgoing(message: Omit<OutgoingMessage, 'size'>): OutgoingMessage {
  const { topic, partition, key, value, headers } = message;
  let size = 40 + Buffer.byteLength(key) + (value === null ? 0 : Buffer.byteLength(value));
  for (const [name, text] of Object.entries(headers)) size += 8 + Buffer.byteLength(name) + Buffer.byteLength(text);
  return { topic, partition, key, value, headers, size };
}
