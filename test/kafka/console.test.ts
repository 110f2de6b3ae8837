import { afterAll, beforeAll, expect, it } from 'vitest';
import { HOUR, plantGap } from '../cli/repairing.js';
import { consoleOverTenant, put, until } from '../console/console-over-tenant.js';
import { readCommitted } from './read-committed.js';
import { allOnce, compareTopics } from './read-delivered.js';
import { type SharedBroker, sharedBroker } from './shared-broker.js';
import { describeKafka } from './when-kafka.js';

describeKafka('the console over a feed into a real broker', () => {
  let cluster: SharedBroker;
  beforeAll(async () => {
    cluster = await sharedBroker();
  });
  afterAll(() => cluster?.stop());

  it('A20: is tested, added, edited, paused, repaired, replayed, renewed, removed and restored without a loss or a repeat; a query says where to ask', async () => {
    const { admin, tenant, document } = await consoleOverTenant({
      built: true,
      env: {
        SINK: 'kafka',
        KAFKA_BROKERS: cluster.brokers.join(','),
        KAFKA_TOPIC_PREFIX: 'console.',
        RECONCILE_ENABLED: 'false',
      },
      tenant: { trouble: { malformed: { share: 0.2 } } },
    });
    const { tables: _, ...feed } = document('acme', { sink: 'kafka' });
    const ask = async (path: string) => (await admin.get(`/feeds/acme${path}`)).json;
    const isConnected = () =>
      until(
        () => ask('/status'),
        ({ state }) => state.code === 'connected',
      );
    /** The job that a request begins, at its end. */
    const job = async (method: string, path: string, body?: unknown) => {
      const begun = await admin.send(method, `/feeds/acme${path}`, body);
      expect([path, begun.status]).toEqual([path, 202]);
      const ended = await until(
        async () => (await admin.get(`/jobs/${begun.json.id}`)).json,
        ({ state }) => state !== 'running',
      );
      expect(ended).toMatchObject({ state: 'done', error: null });
      return ended;
    };

    const tried = await admin.send('POST', '/drafts/test', { document: feed });
    const findings = tried.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(findings.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect(findings.at(-1)).toMatchObject({ done: true });
    expect((await put(admin, feed)).status).toBe(201);
    expect(await isConnected()).toMatchObject({ view: { sink: { kind: 'kafka', guarantee: 'exactly_once' } } });
    const { headers } = await admin.get('/feeds/acme');
    const edited = await put(
      admin,
      { ...feed, description: 'Into Kafka', poll: { start: '2d', interval: '2s' } },
      { 'if-match': String(headers.etag) },
    );
    // Applied, or a job where the broker takes its time.
    expect([200, 202], edited.text).toContain(edited.status);
    await until(
      () => ask(''),
      ({ description }) => description === 'Into Kafka',
    );
    await isConnected();
    expect((await admin.send('POST', '/feeds/acme/pause', { reason: 'audit' })).status).toBeLessThan(300);
    await until(
      () => ask('/status'),
      ({ state }) => state.code === 'paused',
    );
    plantGap(tenant, 5, 60_000);
    expect((await admin.send('POST', '/feeds/acme/resume', {})).status).toBeLessThan(300);
    await isConnected();

    plantGap(tenant, 20, 5 * HOUR);
    const at = (age: number) => new Date(Date.now() - age * HOUR).toISOString();
    await job('POST', '/repairs', { from: at(6), to: at(4) });
    expect(await ask('/dead-letters')).toMatchObject({ elsewhere: null, total: expect.any(Number) });
    const { replayed } = await job('POST', '/replays', { dryRun: true });
    expect(replayed.read).toBeGreaterThan(0);
    const { events, stillDead } = (await job('POST', '/replays', { dryRun: false })).replayed;
    expect({ events, stillDead }).toEqual({ events: replayed.events, stillDead: replayed.stillDead });
    const next = tenant.issueKey();
    await job('PUT', '/secrets/jumpcloud.apiKey', { secret: next.key });

    expect((await ask('/samples')).elsewhere).toContain('kafka');
    const query = await admin.send('POST', '/queries', { feed: 'acme', sql: 'SELECT 1' });
    expect([query.status, query.json.code, query.json.detail]).toEqual([
      409,
      'ELSEWHERE',
      expect.stringContaining('kafka'),
    ]);

    expect((await admin.send('DELETE', '/feeds/acme')).status).toBeLessThan(300);
    expect((await admin.send('POST', '/feeds/acme/restore', {})).status).toBeLessThan(300);
    await isConnected();
    const { series } = await ask('/activity?range=24h');
    const sum = (name: string) => series[name].reduce((total: number, value: number | null) => total + (value ?? 0), 0);
    expect(sum('received')).toBe(
      sum('events') + sum('deadLetters') + sum('raw') + sum('duplicates') + sum('notSelected'),
    );
    const read = (...topics: readonly string[]) => readCommitted(cluster, ...topics);
    expect(await compareTopics(tenant, read, 'console.')).toEqual(allOnce);
    const acts = await until(
      async () => (await read('console.collector_activity')).map(({ value }) => JSON.parse(String(value))),
      (found) => found.some(({ api }) => api?.operation === 'restoreFeed'),
    );
    expect(acts.map(({ api }) => api?.operation)).toEqual(
      expect.arrayContaining(['putFeed', 'pauseFeed', 'deleteFeed']),
    );
  });
});
