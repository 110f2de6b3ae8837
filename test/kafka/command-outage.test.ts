import { afterAll, beforeAll, expect, it } from 'vitest';
import { addressOf, feedOf, jsonLines, start, tenant, until } from '../cli/command.js';
import { type Cluster, startCluster } from './broker.js';
import { readCommitted } from './read-committed.js';
import { allOnce, compareTopics } from './read-delivered.js';
import { describeKafka } from './when-kafka.js';

describeKafka('the built command and a broker that goes away', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  it('F-4: while the broker is away it is alive, not ready, and says why; the position holds, and afterwards all is there once', async () => {
    const simulated = await tenant({ records: 2_000 });
    const env = feedOf(simulated, {
      FEED_NAME: 'built',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_TOPIC_PREFIX: 'away.',
      LOG_LEVEL: 'debug',
      HTTP_ENABLED: 'true',
      HTTP_PORT: '0',
      POLL_INTERVAL: '1s',
    });
    const running = start(['run'], { env });
    const address = await addressOf(running);
    await running.said('caught up; next poll');
    await until(`${address}/readyz`, 200);
    const settled = async () => {
      const status = (await (await fetch(`${address}/status`)).json()) as { feeds: { lanes: { settled: string }[] }[] };
      return status.feeds[0]?.lanes[0]?.settled;
    };

    await cluster.nodes[0]?.kill();
    const at = Date.now() - 60_000;
    const id = 'whileaway';
    const timestamp = new Date(at).toISOString();
    simulated.add({ id, service: 'sso', event_type: 'sso_auth', timestamp, success: true }, { at, visibleAt: at });
    expect(await until(`${address}/readyz`, 503)).toMatch(/brokers do not answer|Kafka/);
    const held = await settled();
    expect((await fetch(`${address}/healthz`)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await settled()).toBe(held);
    expect((await fetch(`${address}/healthz`)).status).toBe(200);
    await cluster.nodes[0]?.start();
    await until(`${address}/readyz`, 200);

    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0, stdout: '' });
    expect(jsonLines(running.stderr()).map(({ code }) => code)).toContain('SINK_UNAVAILABLE');
    expect(await compareTopics(simulated, (...topics) => readCommitted(cluster, ...topics), 'away.')).toEqual(allOnce);
  });
});
