import { afterAll, beforeAll, expect, it } from 'vitest';
import { command, feedOf, start, tenant } from '../cli/command.js';
import { readCommitted } from './read-committed.js';
import { allOnce, compareTopics, readDelivered } from './read-delivered.js';
import { readTopic } from './read-topic.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

describeKafka('the built command on a real broker', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  it('F-2: SIGTERM with 10,000 records on their way ends it with 0; what was committed is whole, and the next run delivers the rest once', async () => {
    const simulated = await tenant({
      records: 10_000,
      latency: 60,
      trouble: { ties: 0.05, repeated: { share: 0.01 } },
    });
    const env = feedOf(simulated, {
      FEED_NAME: 'built',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_TOPIC_PREFIX: 'term.',
      LOG_LEVEL: 'debug',
      POLL_PAGE_SIZE: '500',
    });
    const first = start(['run'], { env });
    await first.said('"committed"');
    first.child.kill('SIGTERM');
    const { code, stdout, stderr } = await first.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).not.toContain('grace time');
    const part = await compareTopics(simulated, (...topics) => readCommitted(cluster, ...topics), 'term.');
    expect(part).toMatchObject({ repeated: 0, unknown: 0, uidsTwice: 0 });
    expect(part.missing, 'it was stopped in the middle').toBeGreaterThan(0);

    simulated.latency = 0;
    const second = await command(['run', '--once'], { env });
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).toContain('going on from');
    expect(await compareTopics(simulated, (...topics) => readTopic(cluster, ...topics), 'term.')).toEqual(allOnce);
  });

  it('records whose id, type, service or time is longer than a message end no run: each is a dead letter among its neighbours', async () => {
    const simulated = await tenant({ records: 20 });
    const login = { id: 'x', service: 'directory', event_type: 'user_login_attempt', success: true };
    for (const member of ['id', 'event_type', 'service', 'timestamp'])
      for (const size of [524_288, 1_258_291]) {
        const long = member.padEnd(size, 'x');
        const record = { timestamp: 'yesterday', ...login, id: `${member}-${size}`, [member]: long };
        simulated.add(record, { service: 'directory' });
      }
    const env = feedOf(simulated, {
      FEED_NAME: 'long',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_TOPIC_PREFIX: 'long.',
    });
    const ran = await command(['run', '--once'], { env });
    expect(ran.code, ran.stderr).toBe(0);
    const { events, uids } = await readDelivered((...topics) => readCommitted(cluster, ...topics), 'long.');
    expect({ events, records: new Set(uids).size }).toEqual({ events: 20, records: 28 });
  });
});
