import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../collector/clock.js';
import { type HourFigures, reconcileRange } from '../../collector/reconcile/range-report.js';
import type { KafkaOptions } from '../../collector/sinks/kafka/client/settings.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { startTenant, type Tenant } from '../../fixtures/tenant/tenant.js';
import { formatSecond } from '../../mappings/instant.js';
import { command, feedOf } from '../cli/command.js';
import { type FeedUnderTest, feedFor, HOUR, MINUTE, tenantFor, usualReconcile } from '../pipeline/feed-under-test.js';
import { type VirtualTime, virtualTime } from '../pipeline/virtual-time.js';
import { changeStored } from '../position/stored-cursor.js';
import { readCommitted } from './read-committed.js';
import { allOnce, type Collected, compareTopics, readDelivered } from './read-delivered.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

// Hours of polls, each with a transaction of its own.
vi.setConfig({ testTimeout: 600_000 });

/**
 * Where virtual time begins: so far back that no test comes to a record time in the future, which a broker refuses, and so
 * near that retention leaves the records alone.
 */
const begin = Math.floor(Date.now() / HOUR) * HOUR - 12 * HOUR;
const signal = new AbortController().signal;

describeKafka('reconciliation on a real broker', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  const optionsOf = (topicPrefix: string): KafkaOptions => ({
    feed: 'under-test',
    brokers: cluster.brokers,
    topicPrefix,
    topics: { partitions: 1 },
  });

  /** Its records' time is the world's; what it waits for are real brokers. */
  function sinkOf(topicPrefix: string, time: VirtualTime): Sink {
    const clock = { ...systemClock, now: () => time.world() };
    const sink = createKafkaSink(optionsOf(topicPrefix), { log: () => undefined, clock });
    onTestFinished(() => sink.close());
    return sink;
  }

  const compared = (tenant: Pick<Tenant, 'ledger'>, prefix: string) =>
    compareTopics(tenant, (...topics) => readCommitted(cluster, ...topics), prefix);
  const deliveredTo = (prefix: string): Promise<Collected> =>
    readDelivered((...topics) => readCommitted(cluster, ...topics), prefix);

  const range = (fromHours: number, toHours: number) => ({
    from: (begin + fromHours * HOUR) / 1000,
    to: (begin + toHours * HOUR) / 1000,
  });
  const ask = (feed: FeedUnderTest, asked: { from: number; to: number }, repair = false) =>
    reconcileRange(asked, feed.settings, feed.parts, { repair, signal });
  const sum = (hours: readonly HourFigures[], what: 'missing' | 'repaired' | 'delivered' | 'deadLetters') =>
    hours.reduce((total, hour) => total + hour[what], 0);

  it('records that become visible up to 110 minutes late are found by the live reconciler and delivered once', async () => {
    const time = virtualTime(begin);
    const tenant = await tenantFor(time, {
      records: 1_500,
      from: begin - HOUR,
      to: begin + 3 * HOUR,
      trouble: { late: { share: 0.05, minDelay: 1_000, maxDelay: 110 * MINUTE }, malformed: { share: 0.005 } },
    });
    const start = (now: number) => now - 3600;
    const feed = feedFor(tenant, sinkOf('late.', time), time, {
      start,
      interval: 5 * MINUTE,
      reconcile: usualReconcile,
    });
    await feed.until(begin + 5 * HOUR + 30 * MINUTE);

    const passes = feed.told.reconciled;
    expect(passes.reduce((total, { found }) => total + found, 0)).toBeGreaterThan(10);
    expect(passes.every(({ unknown }) => unknown === 0)).toBe(true);
    expect(Math.max(...feed.told.lateness)).toBeGreaterThan(100 * 60);
    expect(feed.told.failures).toEqual([]);
    expect(await compared(tenant, 'late.')).toEqual(allOnce);
  });

  it('a gap that a moved position has left is found, reported, and repaired by the lane that owns it', async () => {
    const time = virtualTime(begin);
    const tenant = await tenantFor(time, {
      records: 2_500,
      from: begin - 6 * HOUR,
      to: begin + 4 * HOUR,
      trouble: { malformed: { share: 0.01 }, ties: 0.1 },
    });
    const sink = sinkOf('gap.', time);
    const start = (now: number) => now - 8 * 3600;
    await feedFor(tenant, sink, time, { start }).once();
    time.pass(5 * HOUR);
    const stored = (await sink.peek('live'))!;
    const settled = formatSecond((begin + 3 * HOUR) / 1000);
    await sink.resetPosition!('live', () => changeStored(stored, { settled }));
    const feed = feedFor(tenant, sink, time, { start });
    await feed.once();
    const before = await compared(tenant, 'gap.');
    expect(before.missing).toBeGreaterThan(20);

    const found = await ask(feed, range(-6, 4));
    expect(found).toMatchObject({ verdict: 'different', notes: [] });
    expect(sum(found.hours, 'missing')).toBe(before.missing);
    const repaired = await ask(feed, range(-6, 4), true);
    expect(sum(repaired.hours, 'repaired')).toBe(before.missing);
    expect(repaired.verdict).toBe('equal');
    expect((await ask(feed, range(-6, 4))).verdict).toBe('equal');
    // A second repair finds nothing to do.
    expect(sum((await ask(feed, range(-6, 4), true)).hours, 'repaired')).toBe(0);
    expect(await compared(tenant, 'gap.')).toEqual(allOnce);
  });

  it('the running feed finds such a gap by itself', async () => {
    const time = virtualTime(begin);
    const tenant = await tenantFor(time, { records: 1_500, from: begin - 2 * HOUR, to: begin + 3 * HOUR });
    const sink = sinkOf('own.', time);
    const start = (now: number) => now - 2 * 3600;
    await feedFor(tenant, sink, time, { start, reconcile: usualReconcile }).once();
    time.pass(90 * MINUTE);
    const stored = (await sink.peek('live'))!;
    const settled = formatSecond(Math.floor(time.now() / 1000) - 600);
    await sink.resetPosition!('live', () => changeStored(stored, { settled }));
    const feed = feedFor(tenant, sink, time, { start, interval: 5 * MINUTE, reconcile: usualReconcile });
    await feed.until(begin + 4 * HOUR);

    expect(feed.told.reconciled.reduce((total, { found }) => total + found, 0)).toBeGreaterThan(5);
    expect(await compared(tenant, 'own.')).toEqual(allOnce);
  });

  it('what the topics no longer hold is unknown: never equal, never delivered a second time', async () => {
    const time = virtualTime(begin);
    const tenant = await tenantFor(time, { records: 2_000, from: begin - 4 * HOUR, to: begin + 6 * HOUR });
    const sink = sinkOf('gone.', time);
    const reconcile = { ...usualReconcile, reach: 9 * 3600 };
    const changes = { start: (now: number) => now - 6 * 3600, interval: 10 * MINUTE, reconcile };
    await feedFor(tenant, sink, time, changes).once();
    const early = await deliveredTo('gone.');
    await deleteRecords('gone.');
    time.pass(5 * HOUR);
    // A later record of the early hours, which nobody has delivered: it cannot be told from those that are gone.
    const at = begin - 3 * HOUR;
    tenant.add({ id: 'verylate', service: 'sso', event_type: 'sso_auth', timestamp: formatSecond(at / 1000) }, { at });
    const feed = feedFor(tenant, sink, time, changes);
    await feed.until(begin + 6 * HOUR);
    expect(feed.told.reconciled.at(-1)?.unknown).toBeGreaterThan(0);
    expect(feed.told.reconciled.at(-1)?.reason).toContain('no longer holds all');

    const found = await ask(feed, range(-4, 5));
    expect(found.verdict).toBe('unknown');
    expect(found.notes.join()).toContain('cannot be compared');
    expect(found.notes.join()).toContain('no longer holds all');
    // The hours that were published since are compared all the same.
    expect(found.hours.map(({ hour }) => Date.parse(hour)).every((hour) => hour >= begin)).toBe(true);
    expect(sum(found.hours, 'delivered')).toBeGreaterThan(50);
    expect(sum(found.hours, 'missing')).toBe(0);
    expect((await ask(feed, range(-4, 5), true)).verdict).toBe('unknown');
    const later = await deliveredTo('gone.');
    expect(later.uids.filter((uid) => early.uids.includes(uid))).toEqual([]);
    expect(later.uids.length).toBe(new Set(later.uids).size);
  });

  it('the command finds the gap (79), repairs it (0), and finds nothing afterwards (0)', async () => {
    let now = begin;
    const tenant = await startTenant({
      now: () => now,
      records: 1_200,
      from: begin - 6 * HOUR,
      to: begin + 6 * HOUR,
    });
    onTestFinished(() => tenant.close());
    const env = feedOf(tenant, {
      FEED_NAME: 'verb',
      POLL_START: formatSecond((begin - 8 * HOUR) / 1000),
      RECONCILE_ENABLED: 'false',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_TOPIC_PREFIX: 'verb.',
    });
    const done = async (...args: string[]) => {
      const ended = await command(args, { env });
      return { code: ended.code, said: ended.stdout + ended.stderr };
    };
    expect(await done('run', '--once')).toMatchObject({ code: 0 });
    now = begin + 7 * HOUR;
    const target = formatSecond((begin + 3 * HOUR) / 1000);
    expect(await done('state', 'set', '--settled', target, '--yes')).toMatchObject({ code: 0 });
    expect(await done('run', '--once')).toMatchObject({ code: 0 });
    const { missing } = await compared(tenant, 'verb.');
    expect(missing).toBeGreaterThan(10);

    const span = ['--from', formatSecond((begin - 6 * HOUR) / 1000), '--to', formatSecond((begin + 6 * HOUR) / 1000)];
    const found = await done('reconcile', ...span);
    expect(found).toMatchObject({ code: 79, said: expect.stringContaining('different') });
    const repaired = await done('reconcile', ...span, '--repair');
    expect(repaired, repaired.said).toMatchObject({ code: 0 });
    expect(await done('reconcile', ...span)).toMatchObject({ code: 0, said: expect.stringContaining('equal') });
    expect(await compared(tenant, 'verb.')).toEqual(allOnce);
  });

  /** As retention does with all that was published so far. */
  async function deleteRecords(prefix: string): Promise<void> {
    const admin = await cluster.admin();
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix) && !name.includes('state'));
    for (const topic of topics) {
      const offsets = await admin.fetchTopicOffsets(topic);
      const partitions = offsets
        .filter(({ high }) => high !== '0')
        .map(({ partition, high }) => ({ partition, offset: high }));
      if (partitions.length > 0) await admin.deleteTopicRecords({ topic, partitions });
    }
  }
});
