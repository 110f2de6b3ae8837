import type { DeadLetter } from '../../../mappings/dead-letter.js';
import { decodeCursor } from '../../position/cursor-codec.js';
import { hashOf } from '../../position/dedupe-set.js';
import { REPLAY_LANE } from '../../position/lane-name.js';
import type { LaneSink, Sink } from '../sink.js';
import type { KafkaOptions } from './client/settings.js';
import { withReader } from './client/with-reader.js';
import { listDeadLetters } from './dead-letter-topic.js';
import { KafkaLane } from './kafka-lane.js';
import { type KafkaDependencies, type LaneContext, laneContext } from './lane-context.js';
import { DeliveredRecords } from './messages/find-delivered.js';
import { openTransactionTimeoutMs } from './open-session.js';
import { readDedupeSet, readState, resetPosition } from './operations.js';
import { probe } from './probe.js';
import { prove } from './prove.js';
import { readEntities } from './read-entities.js';
import { laneKeys } from './state/lane-state.js';
import { listLanes, peekLane } from './state/state-topic.js';
import { ownTopic } from './topics/topics.js';

const BATCH_SIZE = 2_000;

/**
 * Publishes a feed to Kafka: one topic per class, one for dead letters, one for records kept raw, and a compacted state topic.
 * Touches no network before it is used.
 * @throws CollectorError CONFIG_INVALID
 */
export function createKafkaSink(options: KafkaOptions, dependencies: KafkaDependencies): Sink {
  const context = laneContext(options, dependencies);
  const { settings } = context;
  const lanes = new Set<KafkaLane>();
  const delivered = new DeliveredRecords(settings, context.clock);
  const stateTopic = ownTopic(settings, 'state');

  function lane(name: string): LaneSink {
    const lane = new KafkaLane(name, context);
    return {
      open: () => {
        lanes.add(lane);
        return lane.open();
      },
      commit: (batch) => {
        delivered.expire();
        return lane.commit(batch);
      },
      close: async () => {
        await lane.close();
        lanes.delete(lane);
      },
    };
  }

  return {
    kind: 'kafka',
    guarantee: settings.delivery,
    batchSize: BATCH_SIZE,
    target: `Kafka ${settings.brokers.join(',')}, topics ${settings.topicPrefix}*`,
    carriesEntities: true,
    lane,
    peek: (lane) =>
      withReader(context, [stateTopic], undefined, async (reader) => {
        const { entry } = await peekLane(reader, stateTopic, laneKeys(settings.feed, lane));
        return entry && decodeCursor(entry.cursor);
      }),
    lanes: () => withReader(context, [stateTopic], [], (reader) => listLanes(reader, stateTopic, settings.feed)),
    async lock(name) {
      const held = lane(name);
      try {
        await held.open();
      } catch (error) {
        await held.close();
        throw error;
      }
      return { release: () => held.close() };
    },
    async close() {
      await Promise.all([...lanes].map((lane) => lane.close()));
    },
    async find(uids, from, to) {
      if (uids.length === 0) return new Set();
      const search = { uids, from, to, timeoutMs: openTransactionTimeoutMs(settings) };
      return withReader<ReadonlySet<string>>(context, [], new Set(), (reader) => delivered.find(reader, search));
    },
    async holder(lane) {
      const { heldBy } = await readState(context, lane);
      return heldBy && `process ${heldBy.pid} on ${heldBy.host}, renewed ${heldBy.renewedAt}`;
    },
    check: () => probe(context),
    prove: () => prove(context),
    currentEntities: (types) => readEntities(context, types),
    unresolvedDeadLetters: () => unresolvedDeadLetters(context),
    resetPosition: (lane, next) => resetPosition(context, lane, next),
  };
}

async function* unresolvedDeadLetters(context: LaneContext): AsyncGenerator<DeadLetter> {
  const replayed = await readDedupeSet(context, REPLAY_LANE);
  for await (const letter of listDeadLetters(context)) if (!replayed.has(hashOf(letter.uid))) yield letter;
}
