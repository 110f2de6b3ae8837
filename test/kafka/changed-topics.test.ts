import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { CollectorError } from '../../collector/errors.js';
import type { KafkaOptions } from '../../collector/sinks/kafka/client/settings.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import { laneContext } from '../../collector/sinks/kafka/lane-context.js';
import { resetPosition } from '../../collector/sinks/kafka/operations.js';
import type { Entity, Sink } from '../../collector/sinks/sink.js';
import { batchOf, cursorAt } from './batches.js';
import { createTopics } from './leaders.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

const TOPIC = 2;

describeKafka('topics that somebody has changed, on a real broker', () => {
  let cluster: SharedBroker;
  const sinks: Sink[] = [];
  let feeds = 0;

  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((sink) => sink.close()));
  });
  afterAll(() => cluster?.stop());

  function freshFeed(more: Partial<KafkaOptions> = {}): KafkaOptions {
    feeds += 1;
    return { feed: 'test', brokers: cluster.brokers, classes: [3002], topicPrefix: `changed${feeds}.`, ...more };
  }
  function sinkOf(options: KafkaOptions): Sink {
    const sink = createKafkaSink(options, { log: () => undefined });
    sinks.push(sink);
    return sink;
  }
  const refusal = (opening: Promise<unknown>): Promise<CollectorError> =>
    opening.then(
      () => expect.unreachable(),
      (error) => error,
    );

  async function deleteRecords(topic: string): Promise<void> {
    const admin = await cluster.admin();
    const policy = (value: string) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: TOPIC, name: topic, configEntries: [{ name: 'cleanup.policy', value }] }],
      });
    await policy('delete');
    const [{ high: offset } = { high: '' }] = await admin.fetchTopicOffsets(topic);
    // A broker takes over what was altered a moment after it has answered.
    await expect
      .poll(() =>
        admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] }).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await policy('compact');
    await expect
      .poll(async () => {
        const resources = [{ type: TOPIC, name: topic, configNames: ['cleanup.policy'] }];
        const [described] = (await admin.describeConfigs({ resources, includeSynonyms: false })).resources;
        return described?.configEntries[0]?.configValue;
      })
      .toBe('compact');
  }
  async function committed(feed: KafkaOptions, name: string): Promise<void> {
    const lane = sinkOf(feed).lane(name);
    await lane.open();
    await lane.commit(batchOf(0, 10));
    await lane.close();
  }

  it('a state topic whose records were all deleted is damaged, not new, until the position is set', async () => {
    const feed = freshFeed();
    await committed(feed, 'live');
    await deleteRecords(`${feed.topicPrefix}state.test`);

    expect(await refusal(sinkOf(feed).lane('live').open())).toMatchObject({
      code: 'STATE_CORRUPT',
      message: expect.stringContaining('all of its records were deleted'),
    });
    await resetPosition(laneContext(feed, { log: () => undefined, instance: 'operator' }), 'live', () => cursorAt(10));
    expect((await sinkOf(feed).lane('live').open())?.cursor).toEqual(cursorAt(10));
  });

  it('a state topic that has lost the position of the live lane is damaged, though it holds records since; a new lane begins', async () => {
    const feed = freshFeed();
    await committed(feed, 'live');
    await deleteRecords(`${feed.topicPrefix}state.test`);
    const operator = laneContext(feed, { log: () => undefined, instance: 'operator' });
    await resetPosition(operator, 'backfill/a', () => ({ ...cursorAt(10), lane: 'backfill/a' }));
    await committed(feed, 'backfill/b');

    expect(await refusal(sinkOf(feed).lane('live').open())).toMatchObject({
      code: 'STATE_CORRUPT',
      message: expect.stringContaining('the position of lane live was deleted'),
      cure: expect.stringContaining('state set'),
    });
    await resetPosition(operator, 'live', () => cursorAt(10));
    expect((await sinkOf(feed).lane('live').open())?.cursor).toEqual(cursorAt(10));
  });

  it('a state topic with a compression that cannot be read is refused before anything is written, with the command that mends it', async () => {
    const feed = freshFeed();
    const topic = `${feed.topicPrefix}state.test`;
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'compression.type', value: 'lz4' },
    ];
    await createTopics(await cluster.admin(), [{ topic, numPartitions: 1, replicationFactor: 1, configEntries }]);
    expect(await refusal(sinkOf(feed).lane('live').open())).toMatchObject({
      code: 'SINK_REFUSED',
      cure: expect.stringContaining('compression.type=producer'),
    });
  });

  it('entities are as they were delivered last, also where partitions were added in between', async () => {
    const feed = freshFeed({ topics: { partitions: 1 } });
    const entities = (value: string, observedAt: number): Entity[] =>
      Array.from({ length: 12 }, (_, index) => ({ type: 'user', key: `org/${index}`, value, observedAt }));
    const deliver = async (batch: ReturnType<typeof batchOf>) => {
      const lane = sinkOf(feed).lane('live');
      await lane.open();
      await lane.commit(batch);
      await lane.close();
    };
    await deliver(batchOf(0, 0, { entities: entities('"before"', 1) }));
    const topic = `${feed.topicPrefix}entities`;
    const admin = await cluster.admin();
    await admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] });
    await expect.poll(async () => (await admin.fetchTopicOffsets(topic)).length).toBe(6);
    await deliver(batchOf(0, 0, { cursor: cursorAt(1), entities: entities('"after"', 2) }));

    const last = new Map<string, string | undefined>();
    for await (const { key, value } of sinkOf(feed).currentEntities?.(['user']) ?? []) last.set(key, value);
    expect(last.size).toBe(12);
    expect(new Set(last.values())).toEqual(new Set(['"after"']));
  });
});
