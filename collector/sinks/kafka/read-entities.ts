import type { Entity } from '../sink.js';
import { asKafkaFailure } from './client/error-table.js';
import { partitionOf } from './client/outgoing-message.js';
import { PartitionReader } from './client/partition-reader.js';
import type { LaneContext } from './lane-context.js';
import { ownTopic } from './topics/topics.js';

/**
 * The feed's entities of these types in the order they were published, up to what is committed now: of a key that compaction
 * has not come to yet the earlier ones too.
 * @throws CollectorError
 */
export async function* readEntities(
  { kafka, connection, settings }: LaneContext,
  types: readonly string[],
): AsyncGenerator<Entity> {
  const topic = ownTopic(settings, 'entities');
  const reader = new PartitionReader(kafka, connection);
  try {
    await reader.connect();
    const partitions = (await reader.partitions(topic)).sort((one, other) => one - other);
    // Where partitions were added, what a key had before lies in a partition that is no longer its own.
    for (const isOwn of [false, true]) {
      for (const partition of partitions) {
        const { start, stable } = await reader.bounds(topic, partition);
        for await (const { key = '', value, headers } of reader.read(topic, partition, start, stable, 0)) {
          const [feed = '', type = '', ...rest] = key.split('|');
          if (feed !== settings.feed || !types.includes(type)) continue;
          if ((partitionOf(topic, key, partitions.length) === partition) !== isOwn) continue;
          yield {
            type,
            key: rest.join('|'),
            value: value?.toString('utf8'),
            observedAt: Date.parse(headers.observed_at ?? ''),
          };
        }
      }
    }
  } catch (error) {
    throw asKafkaFailure(error, `reading ${topic}`);
  } finally {
    await reader.disconnect().catch(() => undefined);
  }
}
