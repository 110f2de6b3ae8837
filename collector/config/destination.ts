import type { FeedConfig, KafkaConfig } from './feed-config.js';
import type { Settings } from './setting.js';

/** The directory of a feed's tables; undefined where it delivers elsewhere. */
export function tablesDirectoryOf({ sink, tables }: Pick<FeedConfig, 'sink' | 'tables'>): string | undefined {
  return sink === 'tables' ? tables.directory : undefined;
}

/** The Kafka that a feed delivers to; undefined where it delivers elsewhere. */
export function kafkaOf({ sink, kafka }: Pick<FeedConfig, 'sink' | 'kafka'>): KafkaConfig | undefined {
  return sink === 'kafka' ? kafka : undefined;
}

/** Whether a feed with these settings delivers to Kafka. */
export function deliversToKafka(settings: Settings): boolean {
  return settings.get('sink')?.value === 'kafka';
}
