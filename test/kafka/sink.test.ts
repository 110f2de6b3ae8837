import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { CollectorError } from '../../collector/errors.js';
import { compressedSize } from '../../collector/sinks/kafka/client/compression.js';
import type { KafkaOptions } from '../../collector/sinks/kafka/client/settings.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { instantOfSecond } from '../../mappings/instant.js';
import { normalise } from '../../mappings/normalise.js';
import { readHeader, sha256 } from '../../mappings/record.js';
import { context, receive, record } from '../mappings/mapping.js';
import { batchOf, cursorAt, deadLetterOf, eventOf, firstSecond, uidOf } from './batches.js';
import { type Cluster, client, startCluster } from './broker.js';
import { apiKeys, ConnectionCutter } from './connection-cutter.js';
import { deliver } from './feeding.js';
import { createTopics, deleteTopic } from './leaders.js';
import { eventIds, readCommitted, withInternalReader } from './read-committed.js';
import { readTopic } from './read-topic.js';
import { describeKafka } from './when-kafka.js';

const DAY_MS = 86_400_000;

describeKafka('the Kafka sink on a real broker', () => {
  let cluster: Cluster;
  const sinks: Sink[] = [];
  let feeds = 0;

  beforeAll(async () => {
    cluster = await startCluster({
      properties: {
        'log.retention.check.interval.ms': '1000',
        'log.initial.task.delay.ms': '500',
        'producer.id.expiration.check.interval.ms': '500',
      },
    });
  });
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((sink) => sink.close()));
  });
  afterAll(() => cluster?.stop());

  /** Options of a feed with topics that no other test uses. */
  function freshFeed(more: Partial<KafkaOptions> = {}): KafkaOptions & { topicPrefix: string } {
    feeds += 1;
    return { feed: 'test', brokers: cluster.brokers, classes: [3001, 3002], ...more, topicPrefix: `t${feeds}.` };
  }

  function sinkOf(options: KafkaOptions, more: Partial<Parameters<typeof createKafkaSink>[1]> = {}): Sink {
    const sink = createKafkaSink(options, { log: () => undefined, ...more });
    sinks.push(sink);
    return sink;
  }

  async function rejection(promise: Promise<unknown>): Promise<CollectorError> {
    return promise.then(
      () => {
        throw new Error('did not reject');
      },
      (error) => error,
    );
  }

  function uids(from: number, to: number): string[] {
    return Array.from({ length: to - from }, (_, index) => uidOf(from + index)).sort();
  }

  it('a lane that never committed opens with nothing, and after a commit with its cursor and what it remembers', async () => {
    const feed = freshFeed();
    const first = sinkOf(feed).lane('live');
    expect(await first.open()).toBeUndefined();
    await first.commit(batchOf(0, 100));
    await first.commit(batchOf(100, 150));
    await first.close();

    const committed = await sinkOf(feed).lane('live').open();

    expect(committed?.cursor).toEqual(cursorAt(150));
    const hashes = committed?.dedupe.flatMap((piece) => [...piece.hashes]).sort();
    expect(hashes).toEqual(
      uids(0, 150)
        .map((uid) => BigInt(`0x${uid.slice(0, 16)}`))
        .sort(),
    );
  });

  it("Kafka's own consumer finds events, dead letters and raw records with keys, headers and publishing time", async () => {
    const feed = freshFeed();
    const lane = sinkOf(feed).lane('live');
    await lane.open();
    const before = Date.now();
    const raw = {
      uid: uidOf('raw'),
      classUid: 6003,
      eventCode: 'command_run',
      service: 'systems',
      time: 5,
      text: '{"r": 1}',
    };
    await lane.commit(batchOf(0, 3, { deadLetters: [deadLetterOf(900)], raw: [raw] }));
    const after = Date.now();

    const [events, letters, raws] = await Promise.all(
      ['authentication', 'dead_letters', 'raw'].map((name) => readTopic(cluster, feed.topicPrefix + name)),
    );

    const event = events?.find(({ headers }) => headers.event_id === uidOf(1));
    expect(event).toMatchObject({
      key: 'user-1',
      value: eventOf(1).text,
      headers: {
        'content-type': 'application/json',
        ocsf_version: '1.8.0',
        class_uid: '3002',
        type_uid: '300201',
        event_time: '2026-11-01T00:00:01.000Z',
        event_code: 'user_login_attempt',
        feed: 'test',
      },
    });
    expect(events?.every(({ timestamp }) => timestamp >= before && timestamp <= after)).toBe(true);
    expect(eventIds(events ?? []).sort()).toEqual(uids(0, 3));
    expect(letters).toHaveLength(1);
    expect(JSON.parse(letters?.[0]?.value ?? '')).toEqual(deadLetterOf(900));
    expect(letters?.[0]).toMatchObject({ key: uidOf(900), headers: { reason: 'timestamp_missing', feed: 'test' } });
    expect(raws?.[0]).toMatchObject({ value: '{"r": 1}', headers: { event_id: raw.uid, class_uid: '6003' } });
  });

  it('events of one key lie in one partition in the order of the batch, whatever its size', async () => {
    // Some megabytes a partition: several requests, one after the other.
    const feed = freshFeed({ compression: 'none', topics: { partitions: 2 } });
    const lane = sinkOf(feed).lane('live');
    await lane.open();
    await lane.commit(batchOf(0, 5_000, { shape: { raw: 'x'.repeat(1_500) } }));

    const records = await readCommitted(cluster, `${feed.topicPrefix}authentication`);

    expect(eventIds(records).sort()).toEqual(uids(0, 5_000));
    const partitionsOfKey = new Map<string, Set<number>>();
    const orderOfKey = new Map<string, number[]>();
    for (const { key = '', partition, value } of records) {
      partitionsOfKey.set(key, (partitionsOfKey.get(key) ?? new Set()).add(partition));
      orderOfKey.set(key, [...(orderOfKey.get(key) ?? []), JSON.parse(String(value)).unmapped.number]);
    }
    expect([...partitionsOfKey.values()].every(({ size }) => size === 1)).toBe(true);
    for (const order of orderOfKey.values()) expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('a batch larger than any request shows as a whole or not at all', async () => {
    // In one partition: a commit reaches several one after the other, each as a whole.
    const feed = freshFeed({ compression: 'none', topics: { partitions: 1 } });
    const lane = sinkOf(feed).lane('live');
    await lane.open();
    const filler = 'x'.repeat(5_000);
    const committing = lane.commit(batchOf(0, 4_000, { shape: { raw: filler } }));
    const counts = new Set<number>();
    let done = false;
    void committing.finally(() => {
      done = true;
    });
    while (!done) counts.add((await readCommittedNow(`${feed.topicPrefix}authentication`)).length);
    await committing;

    counts.add((await readCommitted(cluster, `${feed.topicPrefix}authentication`)).length);
    expect([...counts].filter((count) => count !== 0)).toEqual([4_000]);
  });

  /** What a read_committed consumer sees now, without waiting for open transactions. */
  async function readCommittedNow(topic: string): Promise<unknown[]> {
    return withInternalReader(cluster, async (reader) => {
      const records = [];
      for (const partition of await reader.partitions(topic)) {
        const { start, stable } = await reader.bounds(topic, partition);
        for await (const record of reader.read(topic, partition, start, stable, 0)) records.push(record);
      }
      return records;
    });
  }

  it('a lane opened twice in one process is refused; another lane of the feed is not', async () => {
    const feed = freshFeed();
    const sink = sinkOf(feed);
    const live = sink.lane('live');
    await live.open();

    expect(await rejection(sink.lane('live').open())).toMatchObject({ code: 'LANE_IN_USE', exitCode: 73 });

    const backfill = sink.lane('backfill/2026-01-01_2026-02-01');
    expect(await backfill.open()).toBeUndefined();
    await backfill.commit(batchOf(0, 10, { cursor: cursorAt(10, 'backfill/2026-01-01_2026-02-01') }));
    await live.commit(batchOf(10, 20));
    expect(await sink.lanes()).toEqual(['live', 'backfill/2026-01-01_2026-02-01']);
    await expect.poll(() => sink.peek('live'), { timeout: 30_000 }).toEqual(cursorAt(20));
    expect(await sink.peek('never')).toBeUndefined();
  });

  it('F-2: a sink that is closed while 10,000 records are in flight ends with the commit done or never made', async () => {
    const feed = freshFeed();
    const sink = sinkOf(feed);
    const lane = sink.lane('live');
    await lane.open();
    const committing = lane.commit(batchOf(0, 10_000));
    await sink.close();
    await committing;

    expect((await sinkOf(feed).lane('live').open())?.cursor).toEqual(cursorAt(10_000));
    expect(eventIds(await readCommitted(cluster, `${feed.topicPrefix}authentication`)).sort()).toEqual(uids(0, 10_000));
  });

  it('F-6: a topic deleted while running is created again without a restart, and nothing of what follows is lost or doubled', async () => {
    const feed = freshFeed();
    const sink = sinkOf(feed);
    const topic = `${feed.topicPrefix}authentication`;
    await deliver(sink, 100);
    const admin = await cluster.admin();
    const lane = sink.lane('live');
    await lane.open();
    await deleteTopic(admin, topic);

    await lane.commit(batchOf(100, 150));
    await lane.close();
    await deliver(sink, 300);

    expect(eventIds(await readCommitted(cluster, topic)).sort()).toEqual(uids(100, 300));
    await expect.poll(async () => (await sink.peek('live'))?.counts.records, { timeout: 30_000 }).toBe(300);
  });

  it('F-8: after the broker has forgotten the producer id delivery goes on, and the ledger is equal', async () => {
    const feed = freshFeed();
    const sink = sinkOf(feed);
    const admin = await cluster.admin();
    const expiration = (value: string) => ({
      validateOnly: false,
      resources: [{ type: 4, name: '1', configEntries: [{ name: 'producer.id.expiration.ms', value }] }],
    });
    const lane = sink.lane('live');
    await lane.open();
    await lane.commit(batchOf(0, 60));
    await admin.alterConfigs(expiration('1000'));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await admin.alterConfigs(expiration('86400000'));
    await lane.commit(batchOf(60, 120)).catch(() => undefined);
    await lane.close();
    await deliver(sink, 240);

    expect(eventIds(await readCommitted(cluster, `${feed.topicPrefix}authentication`)).sort()).toEqual(uids(0, 240));
  });

  it('F-9: answers lost on the way back, of sends and of commits, leave every record once', async () => {
    const feed = freshFeed();
    const cutter = new ConnectionCutter();
    const sink = sinkOf(feed, { socketFactory: cutter.socketFactory });
    await deliver(sink, 100);
    const results = [];
    let count = 100;
    for (const [kind, times] of [
      ['produce', 1],
      ['produce', 9],
      ['addPartitionsToTxn', 1],
      ['endTxn', 1],
      ['initProducerId', 1],
      ['endTxn', 10],
    ] as const) {
      cutter.loseAnswer(apiKeys[kind], times);
      count += 100;
      results.push(await deliver(sink, count));
    }

    const printed = await readTopic(cluster, `${feed.topicPrefix}authentication`);
    expect(eventIds(printed).sort()).toEqual(uids(0, count));
    await expect.poll(async () => (await sink.peek('live'))?.counts.records, { timeout: 30_000 }).toBe(count);
    expect(cutter.cuts).toBeGreaterThanOrEqual(10);
    expect(results.flatMap(({ rejections }) => rejections)).toContain('SINK_IN_DOUBT');
  });

  it('F-9: a request to commit that arrives after its connection was lost commits nothing of the next transaction', async () => {
    const feed = freshFeed({ compression: 'none', topics: { partitions: 1 } });
    const cutter = new ConnectionCutter();
    const lane = sinkOf(feed, { socketFactory: cutter.socketFactory }).lane('live');
    await lane.open();
    cutter.delay(apiKeys.endTxn, { apiKey: apiKeys.produce, spared: 1 });
    await lane.commit(batchOf(0, 10));
    // Several requests to produce; the position is in the first of them.
    await lane.commit(batchOf(10, 2_000, { shape: { raw: 'x'.repeat(2_000) } }));
    await lane.close();

    expect(cutter.cuts).toBe(1);
    expect(eventIds(await readCommitted(cluster, `${feed.topicPrefix}authentication`)).sort()).toEqual(uids(0, 2_000));
  });

  it('F-10: an event over the limit loses raw_data, else becomes a dead letter in parts; its neighbours pass', async () => {
    const feed = freshFeed({ compression: 'none', topics: { partitions: 1 } });
    const sink = sinkOf(feed);
    const lane = sink.lane('live');
    await lane.open();
    const wide = { raw: 'я'.repeat(700_000) };
    const hopeless = { message: '"'.repeat(1_500_000), raw: `{"s":"${'ü'.repeat(900_000)}"}` };
    await lane.commit(batchOf(0, 4, { events: [eventOf(0), eventOf(1, wide), eventOf(2, hopeless), eventOf(3)] }));

    const events = await readCommitted(cluster, `${feed.topicPrefix}authentication`);
    const letters = await readCommitted(cluster, `${feed.topicPrefix}dead_letters`);

    expect(eventIds(events)).toEqual([uidOf(0), uidOf(1), uidOf(3)]);
    const slim = JSON.parse(String(events[1]?.value));
    expect(slim).toEqual({
      ...JSON.parse(eventOf(1).text),
      metadata: { ...JSON.parse(eventOf(1).text).metadata, is_truncated: true, untruncated_size: 1368 },
    });
    expect(letters.length).toBeGreaterThan(1);
    const parts = letters.map(({ value }) => JSON.parse(String(value)));
    expect(parts.map(({ part, parts: all }) => [part, all])).toEqual(parts.map((_, i) => [i + 1, parts.length]));
    expect(parts[0]).toMatchObject({ uid: uidOf(2), reason: 'refused_by_sink', record_id: 'record-2' });
    expect(parts.map(({ raw }) => raw).join('')).toBe(hopeless.raw);
  });

  it('records with one long member are delivered, whole in few parts, beside their neighbours', async () => {
    const feed = freshFeed({ classes: [0, 3001, 3002], compression: 'none', topics: { partitions: 1 } });
    const lane = sinkOf(feed).lane('live');
    await lane.open();
    const outcomes = ['event_type', 'id', 'service', 'timestamp', 'organization'].flatMap((member) =>
      [0.5, 2].map((size) => {
        const login = record('directory', 'user_login_attempt', { success: true });
        const received = receive({ ...login, [member]: 'x'.repeat(size * 1024 * 1024) });
        return normalise(received, readHeader(received), { ...context, rawData: true });
      }),
    );
    const events = outcomes.flatMap((outcome) => (outcome.kind === 'event' ? [outcome.event] : []));
    const deadLetters = outcomes.flatMap((outcome) => (outcome.kind === 'dead_letter' ? [outcome.deadLetter] : []));
    await lane.commit(batchOf(0, 2, { events: [eventOf(0), ...events, eventOf(1)], deadLetters }));

    const published = [
      ...(await readCommitted(cluster, `${feed.topicPrefix}authentication`)),
      ...(await readCommitted(cluster, `${feed.topicPrefix}base_event`)),
      ...(await readCommitted(cluster, `${feed.topicPrefix}dead_letters`)),
    ];
    const letters = published
      .map(({ value }) => JSON.parse(String(value)))
      .filter(({ reason }) => reason !== undefined);
    const uids = published.map(({ headers }) => String(headers.event_id));
    expect(new Set(uids)).toEqual(new Set([uidOf(0), uidOf(1), ...[...events, ...deadLetters].map(({ uid }) => uid)]));
    for (const { uid, raw_sha256 } of letters) {
      const parts = letters.filter((letter) => letter.uid === uid);
      expect(parts.length).toBeLessThanOrEqual(4);
      expect(sha256(parts.map(({ raw }) => raw).join(''))).toBe(raw_sha256);
    }
  });

  it('an event that fits only when compressed is delivered whole', async () => {
    const feed = freshFeed({ compression: 'gzip' });
    const lane = sinkOf(feed).lane('live');
    await lane.open();
    const event = eventOf(0, { raw: 'x'.repeat(3_000_000) });
    expect(compressedSize(Buffer.from(event.text), 'gzip')).toBeLessThan(100_000);
    await lane.commit(batchOf(0, 1, { events: [event] }));

    const [record] = await readCommitted(cluster, `${feed.topicPrefix}authentication`);
    expect(String(record?.value)).toBe(event.text);
  });

  it('records of 90 days ago and of the year 2125 stay on a topic with 7 days of retention', async () => {
    const feed = freshFeed({ topics: { partitions: 1 } });
    const topic = `${feed.topicPrefix}authentication`;
    const admin = await cluster.admin();
    const week = { name: 'retention.ms', value: String(7 * DAY_MS) };
    for (const name of [topic, 'control']) {
      await createTopics(admin, [{ topic: name, numPartitions: 1, replicationFactor: 1, configEntries: [week] }]);
    }
    const old = Date.now() - 90 * DAY_MS;
    const lane = sinkOf(feed).lane('live');
    await lane.open();
    const events = [eventOf(1, { time: old }), eventOf(2, { time: Date.UTC(2125, 0, 1) })];
    await lane.commit(batchOf(0, 2, { events }));

    // The same with the event's time as the record's: the broker deletes it, which shows that it looked.
    const producer = client(cluster.brokers).producer();
    await producer.connect();
    await producer.send({ topic: 'control', messages: [{ value: 'old', timestamp: String(old) }] });
    await producer.disconnect();
    await expect
      .poll(() => withInternalReader(cluster, (reader) => reader.bounds('control', 0)), {
        timeout: 40_000,
        interval: 500,
      })
      .toMatchObject({ start: 1n, end: 1n });

    expect(eventIds(await readCommitted(cluster, topic)).sort()).toEqual([uidOf(1), uidOf(2)].sort());
  });

  it('known finds which uids are in the topics, those of dead letters and raw records too', async () => {
    const feed = freshFeed();
    const sink = sinkOf(feed);
    const lane = sink.lane('live');
    await lane.open();
    const raw = { uid: uidOf('raw'), classUid: 6003, eventCode: 'x', service: 'systems', time: 5, text: '{}' };
    await lane.commit(batchOf(0, 50, { deadLetters: [deadLetterOf(900)], raw: [raw] }));

    const asked = [uidOf(3), uidOf(49), uidOf(50), uidOf(900), uidOf('raw'), uidOf('never')];
    const known = await sink.find?.(asked, instantOfSecond(0), instantOfSecond(firstSecond + 100));

    expect([...(known ?? [])].sort()).toEqual([uidOf(3), uidOf(49), uidOf(900), uidOf('raw')].sort());

    // What was delivered since, by another lane, is found as well; what lies outside of the times asked for is not.
    const other = sinkOf(feed).lane('backfill/2026-01-01_2026-02-01');
    await other.open();
    await other.commit(batchOf(50, 60, { cursor: cursorAt(60, 'backfill/2026-01-01_2026-02-01') }));
    const later = await sink.find?.([uidOf(3), uidOf(50)], instantOfSecond(0), instantOfSecond(firstSecond + 100));
    expect([...(later ?? [])].sort()).toEqual([uidOf(3), uidOf(50)].sort());
    const outside = await sink.find?.([uidOf(3)], instantOfSecond(firstSecond + 4), instantOfSecond(firstSecond + 100));
    expect([...(outside ?? [])]).toEqual([]);
  });
});
