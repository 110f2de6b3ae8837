import { randomUUID } from 'node:crypto';
import type { Kafka, KafkaConfig } from 'kafkajs';
import { type Clock, systemClock } from '../../clock.js';
import { type Connection, createConnection, createKafka, type KafkaLog } from './client/connection.js';
import { type KafkaOptions, type KafkaSettings, kafkaSettings } from './client/settings.js';
import { type ProcessIdentity, thisProcess } from './state/process-identity.js';
import { topicsOf } from './topics/topics.js';

/** What all lanes of a sink share. */
export interface LaneContext {
  readonly kafka: Kafka;
  readonly connection: Connection;
  readonly settings: KafkaSettings;
  readonly clock: Clock;
  readonly log: KafkaLog;
  /** Names this run of the program in leases. */
  readonly instance: string;
  readonly holder: ProcessIdentity;
  /** Bytes a batch of each topic was found to be limited to, where the topic's configuration may not be read. */
  readonly learnedLimits: Map<string, number>;
  /** True: a damaged state is no reason to refuse; the lane opens with what can be read. Only for replacing it. */
  readonly repair?: boolean;
}

/** What the sink takes from the rest of the program. */
export interface KafkaDependencies {
  readonly log: KafkaLog;
  readonly clock?: Clock;
  /** Names this run of the program in leases; unset: a random name of this process. */
  readonly instance?: string;
  /** For tests that cut connections. */
  readonly socketFactory?: KafkaConfig['socketFactory'];
}

/** One for all sinks of the process: a lane left in doubt is its own again at once. */
const processInstance = randomUUID();

/**
 * What the lanes of a feed share. Touches no network.
 * @throws CollectorError CONFIG_INVALID
 */
export function laneContext(
  options: KafkaOptions,
  { log, clock = systemClock, ...rest }: KafkaDependencies,
): LaneContext {
  const settings = kafkaSettings(options);
  topicsOf(settings);
  const connection = createConnection(settings, log, rest.socketFactory);
  return {
    kafka: createKafka(connection),
    connection,
    settings,
    clock,
    log,
    instance: rest.instance ?? processInstance,
    holder: thisProcess(),
    learnedLimits: new Map(),
  };
}

/** The transactional id of a lane: the same in every run, never shared. */
export function transactionalIdOf(settings: KafkaSettings, lane: string): string {
  return `${settings.topicPrefix}${settings.feed}/${lane}`;
}
