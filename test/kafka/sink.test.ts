import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import type { KafkaOptions } from '../../collector/sinks/kafka/settings.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { batchOf, cursorAt, uidOf } from './batches.js';
import { type Cluster, startCluster } from './broker.js';
import { readTopic } from './read-topic.js';
import { describeKafka } from './when-kafka.js';

describeKafka('the Kafka sink on a real broker', () => {
  let cluster: Cluster;
  const sinks: Sink[] = [];
  let feeds = 0;

  beforeAll(async () => {
    cluster = await startCluster();
  }, 120_000);
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((sink) => sink.close()));
  });
  afterAll(() => cluster?.stop());

  /** Options of a feed that no other test uses, with topics of its own. */
  function freshFeed(): KafkaOptions {
    feeds += 1;
    return { feed: 'test', brokers: cluster.brokers, topicPrefix: `t${feeds}.`, classes: [3001, 3002] };
  }
  function open(options: KafkaOptions): Sink {
    const sink = createKafkaSink(options, { log: () => undefined });
    sinks.push(sink);
    return sink;
  }

  test('a lane that never committed opens with nothing, and after a commit with its cursor and what it remembers', async () => {
    const feed = freshFeed();
    const first = open(feed).lane('live');
    expect(await first.open()).toBeUndefined();
    await first.commit(batchOf(0, 100));
    await first.commit(batchOf(100, 150));
    await first.close();

    const second = open(feed).lane('live');
    const committed = await second.open();

    expect(committed?.cursor).toEqual(cursorAt(150));
    const hashes = committed?.seen.flatMap(({ hashes }) => [...hashes]).sort();
    const wanted = Array.from({ length: 150 }, (_, n) => BigInt(`0x${uidOf(n).slice(0, 16)}`)).sort();
    expect(hashes).toEqual(wanted);
    const printed = await readTopic(cluster, `${feed.topicPrefix}authentication`);
    expect(printed.map(({ headers }) => headers.event_id).sort()).toEqual(
      Array.from({ length: 150 }, (_, n) => uidOf(n)).sort(),
    );
  });
});
