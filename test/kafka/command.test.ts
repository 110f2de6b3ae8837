import { afterAll, beforeAll, expect, it } from 'vitest';
import { command, feedOf, start, tenant } from '../cli/command.js';
import { readCommitted } from './read-committed.js';
import { allOnce, compareTopics } from './read-delivered.js';
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
});
