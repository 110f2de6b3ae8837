import { afterAll, beforeAll, expect, test } from 'vitest';
import { redactedText } from '../../fixtures/tenant/control.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { addressOf, command, feedOf, jsonLines, start, tenant, until } from '../cli/command.js';
import { type Cluster, startCluster } from './broker.js';
import { readCommitted } from './read-committed.js';
import { readDelivered } from './read-delivered.js';
import { readTopic } from './read-topic.js';
import { describeKafka } from './when-kafka.js';

describeKafka('the built command on a real broker', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  }, 120_000);
  afterAll(() => cluster?.stop());

  const environment = (simulated: Tenant, prefix: string, more: Record<string, string> = {}) =>
    feedOf(simulated, {
      FEED_NAME: 'built',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_TOPIC_PREFIX: prefix,
      LOG_LEVEL: 'debug',
      ...more,
    });

  const quickly = (topic: string) => readCommitted(cluster, topic);
  /** What Kafka's own console consumer prints: seconds a topic. */
  const independently = (topic: string) => readTopic(cluster, topic);

  /** The feed's topics against the tenant's ledger. */
  async function compared(simulated: Tenant, prefix: string, read: Parameters<typeof readDelivered>[0]) {
    const { texts, uids } = await readDelivered(read, prefix);
    const { missing, repeated, unknown } = await simulated.ledger.compare(texts, { kept: redactedText });
    return { missing, repeated, unknown, uidsTwice: uids.length - new Set(uids).size };
  }
  const allOnce = { missing: 0, repeated: 0, unknown: 0, uidsTwice: 0 };

  test('F-2: SIGTERM with 10,000 records on their way ends it with 0; what was committed is whole, and the next run delivers the rest once', async () => {
    const simulated = await tenant({
      records: 10_000,
      latency: 60,
      trouble: { ties: 0.05, repeated: { share: 0.01 } },
    });
    const env = environment(simulated, 'term.', { POLL_PAGE_SIZE: '500' });
    const first = start(['run'], { env });
    await first.said('"committed"');
    first.child.kill('SIGTERM');
    const { code, stdout, stderr } = await first.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).not.toContain('grace time');
    const part = await compared(simulated, 'term.', quickly);
    expect(part).toMatchObject({ repeated: 0, unknown: 0, uidsTwice: 0 });
    expect(part.missing, 'it was stopped in the middle').toBeGreaterThan(0);

    simulated.latency = 0;
    const second = await command(['run', '--once'], { env });
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).toContain('going on from');
    expect(await compared(simulated, 'term.', independently)).toEqual(allOnce);
  });

  test('F-4: while the broker is away it is alive, not ready, and says why; the position holds, and afterwards all is there once', async () => {
    const simulated = await tenant({ records: 2_000 });
    const env = environment(simulated, 'away.', { HTTP_ENABLED: 'true', HTTP_PORT: '0', POLL_INTERVAL: '1s' });
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
    expect(await compared(simulated, 'away.', quickly)).toEqual(allOnce);
  });
});
