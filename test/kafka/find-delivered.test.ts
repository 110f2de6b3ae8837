import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../collector/clock.js';
import type { KafkaOptions } from '../../collector/sinks/kafka/client/settings.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { type Instant, instantOfSecond } from '../../mappings/instant.js';
import { batchOf, eventOf, firstSecond, uidOf } from './batches.js';
import { deleteTopic } from './leaders.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

const HOUR_MS = 3_600_000;

describeKafka('what was delivered, on a real broker', () => {
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

  function freshFeed(): KafkaOptions {
    feeds += 1;
    return { feed: 'test', brokers: cluster.brokers, classes: [3001, 3002], topicPrefix: `found${feeds}.` };
  }
  function sinkOf(options: KafkaOptions, now = systemClock.now): Sink {
    const sink = createKafkaSink(options, { log: () => undefined, clock: { ...systemClock, now } });
    sinks.push(sink);
    return sink;
  }
  async function delivered(options: KafkaOptions, batch = batchOf(0, 10), now = systemClock.now): Promise<void> {
    const lane = sinkOf(options, now).lane('live');
    await lane.open();
    await lane.commit(batch);
    await lane.close();
  }
  async function deleteRecords(topic: string): Promise<void> {
    const admin = await cluster.admin();
    const partitions = (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({
      partition,
      offset: high,
    }));
    await admin.deleteTopicRecords({ topic, partitions });
  }
  const found = async (
    options: KafkaOptions,
    numbers: readonly number[],
    from: Instant = instantOfSecond(firstSecond),
    to: Instant = instantOfSecond(firstSecond + 100),
  ): Promise<string[]> => [...((await sinkOf(options).find?.(numbers.map(uidOf), from, to)) ?? [])].sort();
  const uids = (...numbers: number[]) => numbers.map(uidOf).sort();

  it('is found in the other topics where one was deleted', async () => {
    const feed = freshFeed();
    await delivered(feed);
    await deleteTopic(await cluster.admin(), `${feed.topicPrefix}raw`);
    expect(await found(feed, [1, 2, 77])).toEqual(uids(1, 2));
  });

  it('is found in the topic of a class that is no longer selected', async () => {
    const feed = freshFeed();
    await delivered(feed);
    expect(await found({ ...feed, classes: [3001] }, [1, 2, 77])).toEqual(uids(1, 2));
  });

  it('is known though retention emptied the topic of a class that is no longer selected', async () => {
    const feed = freshFeed();
    await delivered(feed);
    await deleteRecords(`${feed.topicPrefix}authentication`);
    expect(await found({ ...feed, classes: [3001] }, [77])).toEqual([]);
  });

  it('is not known where retention emptied a partition of a selected class, until a search begins after its next record', async () => {
    const feed = freshFeed();
    const one = (number: number) => batchOf(0, 0, { events: [eventOf(number, { partitionKey: 'one' })] });
    await delivered(feed, one(1));
    await deleteRecords(`${feed.topicPrefix}authentication`);
    await expect(found(feed, [77])).rejects.toMatchObject({
      code: 'SINK_REFUSED',
      message: expect.stringMatching(/All records of partition \d of topic .*authentication were deleted/),
      cure: expect.stringContaining('after the next record'),
    });
    await delivered(feed, one(2));
    const later = Date.now() + 5 * HOUR_MS;
    const from = BigInt(later) * 1_000_000n;
    expect(await sinkOf(feed, () => later).find?.([uidOf(77)], from, from + 1n)).toEqual(new Set());
  });

  it('is known though retention has deleted records of a topic that holds only older ones', async () => {
    const feed = freshFeed();
    const one = (number: number) => batchOf(0, 0, { events: [eventOf(number, { partitionKey: 'one' })] });
    await delivered(feed, one(1));
    await deleteRecords(`${feed.topicPrefix}authentication`);
    await delivered(feed, one(2));
    const later = Date.now() + 5 * HOUR_MS;
    const from = BigInt(later) * 1_000_000n;
    expect(await sinkOf(feed, () => later).find?.([uidOf(77)], from, from + 1n)).toEqual(new Set());
  });

  it.each([4, 24 * 400])('is found though the clock was %i hours behind when it was published', async (hours) => {
    const feed = freshFeed();
    const now = Date.now();
    // More than one look back reaches, and after it a record that was published by the right clock.
    const events = Array.from({ length: 700 }, (_, index) =>
      eventOf(index, { time: now - HOUR_MS + index * 1000, partitionKey: 'one' }),
    );
    await delivered(feed, batchOf(0, 0, { events }), () => now - hours * HOUR_MS);
    await delivered(feed, batchOf(0, 0, { events: [eventOf(1_000, { time: now, partitionKey: 'one' })] }));
    const [from, to] = [now - 2 * HOUR_MS, now + 1].map((ms) => BigInt(ms) * 1_000_000n) as [bigint, bigint];
    expect(await found(feed, [0, 350, 699, 1_000, 5_000], from, to)).toEqual(uids(0, 350, 699, 1_000));
  });
});
