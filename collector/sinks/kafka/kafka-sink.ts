import { randomUUID } from 'node:crypto';
import type { KafkaConfig } from 'kafkajs';
import { type Clock, systemClock } from '../../clock.js';
import type { Sink } from '../sink.js';
import { createConnection, createKafka, type KafkaLog } from './client/connection.js';
import { type KafkaOptions, kafkaSettings } from './client/settings.js';
import { withReader } from './client/with-reader.js';
import { KafkaLane } from './lane.js';
import type { LaneParts } from './lane-context.js';
import { laneKeys } from './state/lane-state.js';
import { thisHolder } from './state/process-identity.js';
import { glanceAtLane, listLanes } from './state/state-topic.js';
import { ownTopic, topicsOf } from './topics/topics.js';

/** What the sink takes from the rest of the house. */
export interface KafkaParts {
  readonly log: KafkaLog;
  readonly clock?: Clock;
  /** Names this run of the program in leases; unset: a random name of this process. */
  readonly instance?: string;
  /** For tests that cut connections. */
  readonly socketFactory?: KafkaConfig['socketFactory'];
}

const BATCH_SIZE = 2_000;
/** One for all sinks of the process: a lane left in doubt is its own again at once. */
const thisProcess = randomUUID();

/**
 * Publishes a feed to Kafka: one topic a class, one for dead letters, one for records kept raw, and a compacted state topic.
 * Touches no network before a lane is opened.
 * @throws CollectorError CONFIG_INVALID
 */
export function createKafkaSink(options: KafkaOptions, { log, clock = systemClock, ...parts }: KafkaParts): Sink {
  const settings = kafkaSettings(options);
  topicsOf(settings);
  const connection = createConnection(settings, log, parts.socketFactory);
  const lanes = new Set<KafkaLane>();
  const laneParts: LaneParts = {
    kafka: createKafka(connection),
    connection,
    settings,
    clock,
    log,
    instance: parts.instance ?? thisProcess,
    holder: thisHolder(),
    learnedLimits: new Map(),
  };
  const stateTopic = ownTopic(settings, 'state');
  return {
    kind: 'kafka',
    guarantee: settings.delivery,
    batchSize: BATCH_SIZE,
    target: `Kafka ${settings.brokers.join(',')}, topics ${settings.topicPrefix}*`,
    lane(name) {
      const lane = new KafkaLane(name, laneParts);
      return {
        open: () => {
          lanes.add(lane);
          return lane.open();
        },
        commit: (batch) => lane.commit(batch),
        known: (uids, from, to) => lane.known(uids, from, to),
        close: async () => {
          await lane.close();
          lanes.delete(lane);
        },
      };
    },
    peek: (lane) =>
      withReader(laneParts, [stateTopic], undefined, async (reader) => {
        const { entry } = await glanceAtLane(reader, stateTopic, laneKeys(settings.feed, lane));
        return entry?.cursor;
      }),
    lanes: () => withReader(laneParts, [stateTopic], [], (reader) => listLanes(reader, stateTopic, settings.feed)),
    async close() {
      await Promise.all([...lanes].map((lane) => lane.close()));
    },
  };
}
