import { afterAll, beforeAll, expect, it } from 'vitest';
import { listDeadLetters, replayDeadLetters } from '../../collector/commands/dead-letters.js';
import { setState, showState } from '../../collector/commands/state.js';
import type { LaneReport } from '../../collector/position/lane-report.js';
import { createKafkaSink } from '../../collector/sinks/kafka/kafka-sink.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import { tell } from '../commands/collecting.js';
import { record } from '../mappings/mapping.js';
import { batchOf, deadLetterOf, uidOf } from './batches.js';
import { eventIds, readCommitted } from './read-committed.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

describeKafka("the operator's verbs on a real broker", () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  const sinkOf = (topicPrefix: string) =>
    createKafkaSink({ feed: 'test', brokers: cluster.brokers, classes: [3002], topicPrefix }, { log: () => undefined });
  const flags = (topicPrefix: string) => ({
    name: 'test',
    sink: 'kafka',
    classes: '3002',
    'log-level': 'error',
    'kafka-brokers': cluster.brokers.join(','),
    'kafka-topic-prefix': topicPrefix,
  });
  const cured = (number: number): DeadLetter =>
    deadLetterOf(
      number,
      JSON.stringify(record('directory', 'user_login_attempt', { id: `record-${number}`, success: true })),
    );

  it('state shows who holds a lane, is refused while it runs, and moves it afterwards', async () => {
    const sink = sinkOf('s.');
    const lane = sink.lane('live');
    await lane.open();
    await lane.commit(batchOf(0, 10));
    // The coordinator has answered; the state's partition learns of the commit a moment later.
    await expect.poll(() => sink.peek('live'), { timeout: 30_000 }).toBeDefined();
    const order = { ...flags('s.'), lane: 'live', settled: '2026-11-01T00:00:05Z', yes: true };
    await expect(tell(() => setState(order))).rejects.toMatchObject({ code: 'LANE_IN_USE', exitCode: 73 });
    const show = async () =>
      JSON.parse((await tell(() => showState({ ...flags('s.'), json: true }))).out) as LaneReport[];
    expect((await show())[0]?.held_by).toContain(`process ${process.pid}`);
    await sink.close();

    expect((await tell(() => setState(order))).code).toBe(0);
    expect(await show()).toMatchObject([
      { lane: 'live', settled: '2026-11-01T00:00:05Z', services: [], held_by: null },
    ]);
    const again = sinkOf('s.');
    const reopened = await again.lane('live').open();
    expect(reopened?.cursor.position.perService.directory).toMatchObject({
      dedupeFrom: Date.parse('2026-11-01T00:00:10Z') / 1000,
      active: true,
    });
    expect(reopened?.dedupe.flatMap(({ hashes }) => [...hashes])).toHaveLength(10);
    await again.close();
  });

  it('dead letters that map by now are published once, and are no longer listed', async () => {
    const sink = sinkOf('d.');
    const lane = sink.lane('live');
    await lane.open();
    await lane.commit(batchOf(0, 0, { deadLetters: [cured(1), cured(2), deadLetterOf(3)] }));
    const list = async () =>
      (await tell(() => listDeadLetters({ ...flags('d.'), json: true }))).out
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as DeadLetter).uid);
    expect((await list()).sort()).toEqual([1, 2, 3].map(uidOf).sort());

    // Beside the running lane: replaying has a lane of its own.
    expect((await tell(() => replayDeadLetters({ ...flags('d.'), dryRun: false }))).out).toContain('2 became events');
    expect(await list()).toEqual([uidOf(3)]);
    expect((await tell(() => replayDeadLetters({ ...flags('d.'), dryRun: false }))).out).toContain('0 became events');
    expect(eventIds(await readCommitted(cluster, 'd.authentication')).sort()).toEqual([1, 2].map(uidOf).sort());
    await sink.close();
  });
});
