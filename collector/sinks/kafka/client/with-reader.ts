import type { Kafka } from 'kafkajs';
import type { Connection } from './connection.js';
import { asKafkaFailure } from './error-table.js';
import { PartitionReader } from './partition-reader.js';

/**
 * Reads with a connection of its own, closed afterwards.
 * @param topics that must exist; where one does not, `missing` is the answer
 * @throws CollectorError
 */
export async function withReader<T>(
  { kafka, connection }: { readonly kafka: Kafka; readonly connection: Connection },
  topics: readonly string[],
  missing: T,
  work: (reader: PartitionReader) => Promise<T>,
): Promise<T> {
  const reader = new PartitionReader(kafka, connection);
  try {
    await reader.connect();
    for (const topic of topics) if ((await reader.partitionsIfThere(topic)) === undefined) return missing;
    return await work(reader);
  } catch (error) {
    throw asKafkaFailure(error, `reading ${topics.join(', ')}`);
  } finally {
    await reader.disconnect().catch(() => undefined);
  }
}
