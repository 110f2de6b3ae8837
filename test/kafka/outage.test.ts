import { afterAll, beforeAll, expect, it } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import type { KafkaOptions } from '../../collector/sinks/kafka/client/settings.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import { AnswerHolder } from './answer-holder.js';
import { batchOf, cursorAt, uidOf } from './batches.js';
import { type Cluster, startCluster } from './broker.js';
import { apiKeys } from './connection-cutter.js';
import { deliver } from './feeding.js';
import { createOn, move } from './leaders.js';
import { eventIds, readCommitted } from './read-committed.js';
import { readTopic } from './read-topic.js';
import { describeKafka } from './when-kafka.js';

describeKafka('outages of a cluster of three', () => {
  let cluster: Cluster;
  const quiet = { log: () => undefined };

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
  });
  afterAll(() => cluster?.stop());

  const feedOf = (prefix: string): KafkaOptions => ({
    feed: 'test',
    brokers: cluster.brokers,
    topicPrefix: prefix,
    classes: [3002],
  });
  const uids = (count: number) => Array.from({ length: count }, (_, n) => uidOf(n)).sort();

  it('topics are created with three replicas of which two must be in sync', async () => {
    const sink = createKafkaSink(feedOf('r.'), quiet);
    await deliver(sink, 1);
    await sink.close();

    const admin = await cluster.admin();
    const { topics } = await admin.fetchTopicMetadata({ topics: ['r.authentication', 'r.state.test'] });
    expect(topics.map(({ name, partitions }) => `${name} ${partitions.length}`).sort()).toEqual([
      'r.authentication 6',
      'r.state.test 1',
    ]);
    for (const { partitions } of topics) for (const { replicas } of partitions) expect(replicas).toHaveLength(3);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: 'r.state.test', configNames: ['min.insync.replicas', 'cleanup.policy'] }],
    });
    const configs = resources[0]?.configEntries.map(({ configName, configValue }) => `${configName}=${configValue}`);
    expect(configs?.sort()).toEqual(['cleanup.policy=compact', 'min.insync.replicas=2']);
  });

  it('one broker refuses while another has not answered yet: the lane is opened again, every record is there once', async () => {
    const admin = await cluster.admin();
    await createOn(admin, 'slow.authentication', [1, 2]);
    await createOn(admin, 'slow.state.test', [3], 'compact');
    const holding = new AnswerHolder(cluster.nodes[0]?.address);
    const warnings: string[] = [];
    const log = (level: string, text: string) => void (level === 'warn' && warnings.push(text));
    const sink = createKafkaSink(feedOf('slow.'), { log, socketFactory: holding.socketFactory });
    const spread = (from: number, to: number) => {
      const batch = batchOf(from, to);
      return { ...batch, events: batch.events.map((event) => ({ ...event, partitionKey: event.uid })) };
    };
    const lane = sink.lane('live');
    await lane.open();
    await lane.commit(spread(0, 30));
    await move(admin, 'slow.authentication', 1, 3);

    holding.hold(apiKeys.produce);
    const committing = lane.commit(spread(30, 60));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    holding.release();
    await committing;
    await lane.commit(spread(60, 90));
    await sink.close();

    expect(warnings.join()).toContain('Opening it again to see what was committed');
    const records = await readTopic(cluster, 'slow.authentication');
    expect(new Set(records.map(({ partition }) => partition))).toEqual(new Set([0, 1]));
    expect(eventIds(records).sort()).toEqual(uids(90));
  });

  it('F-5: leaders move and brokers die in the middle of batches; every record is there once, without a restart', async () => {
    const sink = createKafkaSink(feedOf('f5.'), quiet);
    const delivering = deliver(sink, 2_000, { size: 50, pauseMs: 100 });
    let over = false;
    const done = delivering.finally(() => {
      over = true;
    });
    const rounds = (async () => {
      for (let round = 0; !over && round < 3; round++) {
        const node = cluster.nodes[round % 3];
        await (round % 2 === 0 ? node?.kill() : node?.stop());
        await node?.start();
      }
    })();
    await done;
    await rounds;
    await sink.close();

    const printed = await readTopic(cluster, 'f5.authentication');
    expect(eventIds(printed).sort()).toEqual(uids(2_000));
  });

  it('F-4: while all brokers are away the position holds, memory stays flat and the error says so; then it goes on', async () => {
    const sink = createKafkaSink(feedOf('f4.'), quiet);
    await deliver(sink, 100);
    const lane = sink.lane('live');
    await lane.open();
    await Promise.all(cluster.nodes.map((node) => node.kill()));

    const error = await lane.commit(batchOf(100, 150)).catch((reason) => reason);
    await lane.close();
    const heap: number[] = [];
    const errors: CollectorError[] = [error];
    for (let attempt = 0; attempt < 4; attempt++) {
      const again = sink.lane('live');
      errors.push(await again.open().catch((reason) => reason));
      await again.close();
      globalThis.gc?.();
      heap.push(process.memoryUsage().heapUsed);
    }
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await deliver(sink, 400);

    expect(errors.every((reason) => reason instanceof CollectorError && reason.transient)).toBe(true);
    expect(new Set(errors.slice(1).map(({ code }) => code))).toEqual(new Set(['SINK_UNAVAILABLE']));
    expect(errors.at(-1)?.message).toContain('the brokers do not answer');
    expect(Math.max(...heap) - Math.min(...heap)).toBeLessThan(30_000_000);
    // What was committed last is readable without the lane once the brokers have written the transaction's markers.
    const counts = async () => (await sink.peek('live'))?.counts;
    await expect.poll(counts, { timeout: 30_000 }).toEqual(cursorAt(400).counts);
    await sink.close();
    expect(eventIds(await readCommitted(cluster, 'f4.authentication')).sort()).toEqual(uids(400));
  });
});
