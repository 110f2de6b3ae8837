import { createConnection, createKafka } from '../../collector/sinks/kafka/client/connection.js';
import { type KafkaRecord, PartitionReader } from '../../collector/sinks/kafka/client/partition-reader.js';
import { kafkaSettings } from '../../collector/sinks/kafka/client/settings.js';
import type { Cluster } from './broker.js';

/**
 * All committed records of topics, partition by partition. Quick where Kafka's console consumer takes seconds to start;
 * that one reads the same records in the tests that must not trust this reader.
 */
export async function readCommitted(
  cluster: Pick<Cluster, 'internal'>,
  ...topics: readonly string[]
): Promise<KafkaRecord[]> {
  return withInternalReader(cluster, async (reader) => {
    const records: KafkaRecord[] = [];
    for (const topic of topics) {
      for (const partition of (await reader.partitions(topic)).sort((a, b) => a - b)) {
        const { start, end } = await reader.bounds(topic, partition);
        for await (const record of reader.read(topic, partition, start, end, 30_000)) records.push(record);
      }
    }
    return records;
  });
}

/** A reader on the plain-text listener, gone afterwards. */
export async function withInternalReader<T>(
  cluster: Pick<Cluster, 'internal'>,
  work: (reader: PartitionReader) => Promise<T>,
): Promise<T> {
  const settings = kafkaSettings({ feed: 'reader', brokers: cluster.internal });
  const connection = createConnection(settings, () => undefined);
  const reader = new PartitionReader(createKafka(connection), connection);
  await reader.connect();
  try {
    return await work(reader);
  } finally {
    await reader.disconnect();
  }
}

/** `event_id` of every record, in order of partition and offset. */
export function eventIds(records: readonly { headers: Readonly<Record<string, string>> }[]): string[] {
  return records.map(({ headers }) => headers.event_id ?? '');
}
