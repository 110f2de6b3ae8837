import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../collector/clock.js';
import type { KafkaOptions } from '../../collector/sinks/kafka/client/settings.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import type { Guarantee, LaneSink, Sink } from '../../collector/sinks/sink.js';
import { type Claims, newestStates, type SinkUnderTest, sinkContract } from '../contract/sink-contract.js';
import { apiKeys, ConnectionCutter } from './connection-cutter.js';
import { eventIds, readCommitted } from './read-committed.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

const claims: Claims = {
  exactly_once: true,
  entities: true,
  find: true,
  holder: true,
  check: true,
  unresolvedDeadLetters: true,
  resetPosition: true,
  rewritable: 'a topic is an append-only log',
};

describeKafka('on a real broker', () => {
  let cluster: SharedBroker;
  let feeds = 0;

  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  /** A feed with topics of its own. */
  async function destination(delivery: Guarantee): Promise<SinkUnderTest> {
    feeds += 1;
    const prefix = `c${feeds}.`;
    const options: KafkaOptions = {
      feed: 'acme',
      brokers: cluster.brokers,
      topicPrefix: prefix,
      delivery,
      classes: [3002],
      topics: { partitions: 2 },
    };
    const uids = async (name: string) => eventIds(await readCommitted(cluster, prefix + name));
    return {
      connect: async () => createKafkaSink(options, { log: () => undefined }),
      connectFailing: async () => failingAtTheCommitPoint(options),
      read: async () => ({
        events: await uids('authentication'),
        deadLetters: await uids('dead_letters'),
        raw: await uids('raw'),
        entities: await entitiesIn(`${prefix}entities`),
      }),
      dispose: async () => undefined,
    };
  }

  /** The newest state of each entity of the feed; a null value is a tombstone. */
  async function entitiesIn(topic: string): Promise<Record<string, unknown>> {
    if (!(await (await cluster.admin()).listTopics()).includes(topic)) return {};
    const records = await readCommitted(cluster, topic);
    return newestStates(
      records.map(({ key, value }) => {
        const [feed, type = '', name = ''] = key?.split('|') ?? [];
        if (feed !== 'acme') throw new Error(`a record of ${feed}`);
        return { type, key: name, value: value === undefined ? null : JSON.parse(value.toString('utf8')) };
      }),
    );
  }

  /** The records are sent; what makes them count never reaches the broker: EndTxn, or the position without transactions. */
  function failingAtTheCommitPoint(options: KafkaOptions): Sink {
    const cutter = new ConnectionCutter();
    // The sink would ask again for a quarter of a minute: its time for a commit is over with the first answer that is lost.
    const sleep = (ms: number, signal?: AbortSignal) => Promise.race([systemClock.sleep(ms, signal), cutter.firstCut]);
    const { socketFactory } = cutter;
    const sink = createKafkaSink(options, { log: () => undefined, socketFactory, clock: { ...systemClock, sleep } });
    const arm = () =>
      options.delivery === 'exactly_once' ? cutter.refuse(apiKeys.endTxn) : cutter.refuse(apiKeys.produce, 1);
    const failing = (lane: LaneSink): LaneSink => ({
      open: async () => {
        const committed = await lane.open();
        arm();
        return committed;
      },
      commit: (batch) => lane.commit(batch),
      close: () => lane.close(),
    });
    return { ...sink, lane: (name) => failing(sink.lane(name)) };
  }

  sinkContract('kafka, exactly once', claims, () => destination('exactly_once'));
  const without = { ...claims, exactly_once: 'kafka.delivery: at_least_once is for platforms without transactions' };
  sinkContract('kafka, at least once', without, () => destination('at_least_once'));
});
