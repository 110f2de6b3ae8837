import { afterAll, beforeAll, expect, it } from 'vitest';
import { command, feedOf, folder, jsonLines, logins, tenant } from '../cli/command.js';
import { HOUR, plantGap, startFeed } from '../cli/repairing.js';
import { freePort } from '../free-port.js';
import { eventIds, readCommitted } from './read-committed.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

describeKafka('a repair beside a running feed, on a real broker', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  it('is done by the holder of the lease, and the topics then hold each record once', async () => {
    const simulated = await tenant({ ...logins, records: 300 });
    const cwd = folder();
    const env = feedOf(simulated, {
      SINK: 'kafka',
      KAFKA_BROKERS: cluster.brokers.join(','),
      KAFKA_TOPIC_PREFIX: 'repair.',
      HTTP_ENABLED: 'true',
      HTTP_PORT: String(await freePort()),
      HTTP_TOKEN: 'token-of-the-listener',
      POLL_INTERVAL: '2s',
      RECONCILE_ENABLED: 'false',
    });
    const feed = await startFeed(cwd, env);
    plantGap(simulated, 40, 30 * HOUR);
    const iso = (age: number) => new Date(Date.now() - age).toISOString();
    const args = ['reconcile', '--from', iso(32 * HOUR), '--to', iso(28 * HOUR), '--json', '--repair'];
    const alone = await command(args, { cwd, env: { ...env, HTTP_ENABLED: 'false' } });
    expect(alone.code, alone.stderr).toBe(73);
    const repaired = await command(args, { cwd, env });
    expect(repaired.code, repaired.stderr).toBe(0);
    expect(jsonLines(repaired.stdout).at(-1)).toMatchObject({ verdict: 'equal' });
    expect(await feed.repair()).toMatchObject({ state: 'done', found: 40 });
    feed.running.child.kill('SIGTERM');
    expect(await feed.running.ended).toMatchObject({ code: 0 });
    const records = await readCommitted(cluster, 'repair.authentication');
    const ids = eventIds(records);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(300);
    expect(records.filter(({ value }) => String(value).includes('latecomer.'))).toHaveLength(40);
  });
});
