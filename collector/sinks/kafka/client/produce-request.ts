import type { RecordMetadata } from 'kafkajs';
import { type LowLevelBroker, produceDefinition } from './kafkajs.js';
import type { Place } from './outgoing-message.js';

// Kafka protocol guide, "Produce API", versions 3 to 7; every number big-endian:
//
//   ProduceRequest => transactionalId NULLABLE_STRING, acks INT16, timeoutMs INT32, topicCount INT32, Topic…
//   Topic          => name STRING, partitionCount INT32, Partition…
//   Partition      => index INT32, batchBytes INT32, RecordBatch
//   STRING         => length INT16 (-1: null), UTF-8

/** Kafka's number of the request. */
const PRODUCE = 0;
/** By all replicas in sync. */
const ACKNOWLEDGED_BY_ALL = -1;
const ACKNOWLEDGE_MS = 15_000;

/** A finished batch and where it goes. */
export interface FinishedBatch extends Place {
  readonly bytes: Buffer;
}

/**
 * Sends batches to the leader of their partitions in one request; a partition comes once at most. The request's version and
 * the reading of its answer are kafkajs', only the body is made here (alike from version 3 to 7, Kafka 0.11 to 2.1 and on).
 * @throws whatever kafkajs throws, also for the first partition that the broker refused
 */
export async function produce(
  broker: LowLevelBroker,
  batches: readonly FinishedBatch[],
  transactionalId: string | undefined,
): Promise<RecordMetadata[]> {
  const body = requestBody(batches, transactionalId);
  const { request, response } = broker.lookupRequest(PRODUCE, produceDefinition)({ acks: ACKNOWLEDGED_BY_ALL });
  const encode = () => Promise.resolve({ buf: body, buffer: body });
  const { topics } = await broker.connectionPool.send({ request: { ...request, encode }, response });
  return topics.flatMap(({ topicName, partitions }) => partitions.map((answer) => ({ topicName, ...answer })));
}

function requestBody(batches: readonly FinishedBatch[], transactionalId: string | undefined): Buffer {
  const topics = new Map<string, FinishedBatch[]>();
  for (const batch of batches) {
    if (topics.get(batch.topic)?.push(batch) === undefined) topics.set(batch.topic, [batch]);
  }
  const parts = [textOrNull(transactionalId), int16(ACKNOWLEDGED_BY_ALL), int32(ACKNOWLEDGE_MS), int32(topics.size)];
  for (const [topic, of] of topics) {
    parts.push(textOrNull(topic), int32(of.length));
    for (const { partition, bytes } of of) parts.push(int32(partition), int32(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

function textOrNull(text: string | undefined): Buffer {
  return text === undefined ? int16(-1) : Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}
