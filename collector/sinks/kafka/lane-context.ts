import type { Kafka } from 'kafkajs';
import type { Clock } from '../../clock.js';
import type { Connection, KafkaLog } from './client/connection.js';
import type { KafkaSettings } from './client/settings.js';
import type { Holder } from './state/process-identity.js';

/** What all lanes of a sink share. */
export interface LaneParts {
  readonly kafka: Kafka;
  readonly connection: Connection;
  readonly settings: KafkaSettings;
  readonly clock: Clock;
  readonly log: KafkaLog;
  /** Names this run of the program in leases. */
  readonly instance: string;
  readonly holder: Holder;
  /** Bytes a batch of each topic was found to be limited to, where the topic's configuration may not be read. */
  readonly learnedLimits: Map<string, number>;
  /** True: a damaged state is no reason to refuse; the lane opens with what can be read. Only for setting it anew. */
  readonly repair?: boolean;
}

/** The transactional id of a lane: the same in every run, never shared. */
export function transactionalIdOf(settings: KafkaSettings, lane: string): string {
  return `${settings.topicPrefix}${settings.feed}/${lane}`;
}
