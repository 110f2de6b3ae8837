import { once } from 'node:events';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { StatusView } from '../../collector/monitoring/status/board.js';
import { startTenant, type Tenant } from '../../fixtures/tenant/tenant.js';
import { compareTables, folder, logins } from '../cli/command.js';
import { freePort } from '../free-port.js';
import { parseMetrics } from '../monitoring/prometheus.js';
import { put, until } from './console-over-tenant.js';
import { type Client, startBuiltConsole } from './harness.js';

const HOUR = 60 * 60_000;
/** Pages that the feed beside may read while something is done to the other: it does not come to its end meanwhile. */
const AHEAD = 10;
const [ALPHA, BETA] = ['alpha', 'beta'];

/** Two tenants, and a console whose first feed, alpha, has a long backlog. */
async function twoTenants() {
  const now = Date.now();
  const span = { from: now - 12 * HOUR, to: now - 120_000 };
  const alpha = await startTenant({ ...logins, ...span, seed: 5, records: 2_400, latency: 40 });
  const beta = await startTenant({ ...span, seed: 7, records: 300 });
  let asked = 0;
  let most = AHEAD;
  const action = async () => {
    asked += 1;
    while (asked > most) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  alpha.script([{ effect: { kind: 'run', action } }]);
  onTestFinished(async () => {
    most = Number.POSITIVE_INFINITY;
    await Promise.all([alpha.close(), beta.close()]);
  });
  const root = realpathSync(folder());
  for (const name of ['tables', 'console']) mkdirSync(join(root, name));
  const document = (name: string, { baseUrl, apiKey }: Tenant, pageSize: number) => ({
    name,
    jumpcloud: { baseUrl, apiKey, eventTypes: ['login', 'admin', 'other'] },
    poll: { start: '2d', interval: '1s', pageSize, requestsPerSecond: 1000 },
    tables: { directory: join(root, 'tables', name) },
  });
  return {
    alpha,
    beta,
    directory: join(root, 'console'),
    env: { CONSOLE_ADDRESSES: '127.0.0.1', CONSOLE_ROOTS_TABLES: join(root, 'tables') },
    alphas: document(ALPHA, alpha, 20),
    betas: (pageSize: number) => document(BETA, beta, pageSize),
    tables: (name: string) => join(root, 'tables', name),
    /** Resolves while alpha reads at full rate, in the middle of its backlog. */
    async readsOn() {
      const from = asked;
      most = from + AHEAD;
      await until(
        async () => asked,
        (pages) => pages >= from + 5,
      );
    },
    letFinish() {
      alpha.latency = 0;
      most = Number.POSITIVE_INFINITY;
    },
  };
}

async function connected(client: Client, name: string): Promise<void> {
  await until(
    async () => (await client.get(`/feeds/${name}/status`)).json.state.code,
    (code) => code === 'connected',
  );
}

const SECRET = `/feeds/${BETA}/secrets/jumpcloud.apiKey`;

it('a feed is added, edited, paused, given a new key, resumed and removed beside one that collects at full rate: that one goes on as if nothing was', async () => {
  const { alpha, beta, directory, env, alphas, betas, tables, readsOn, letFinish } = await twoTenants();
  const port = await freePort();
  const one = await startBuiltConsole({ env: { ...env, HTTP_ENABLED: 'true', HTTP_PORT: String(port) }, directory });
  const client = await one.token(await one.firstAdmin(), 'terraform', 'admin');
  expect((await put(client, alphas)).status).toBe(201);
  await readsOn();
  const address = `http://127.0.0.1:${port}`;
  /** What moves where a feed is disturbed. */
  const disturbed = async () => {
    const { feeds, supervision } = (await (await fetch(`${address}/status`)).json()) as StatusView;
    const lane = feeds.find(({ name }) => name === ALPHA)!.lanes[0]!;
    const metrics = parseMetrics(await (await fetch(`${address}/metrics`)).text());
    const counters = ['http_retries', 'failures', 'rate_limited_seconds'].flatMap(
      (name) => metrics.get(`jumpcloud_ocsf_${name}_total`)?.samples ?? [],
    );
    return {
      state: lane.state,
      since: [supervision.find(({ name }) => name === ALPHA)!.since, lane.since],
      counters: counters.filter(({ labels, value }) => labels.feed === ALPHA && value > 0),
    };
  };
  const before = await disturbed();
  expect(before.state).toBe('catching_up');
  const acts = [
    () => put(client, betas(100)),
    () => put(client, betas(50)),
    () => client.send('POST', `/feeds/${BETA}/pause`, { reason: 'a new key comes' }),
    () => client.send('PUT', SECRET, { secret: beta.issueKey().key }),
    () => client.send('POST', `/feeds/${BETA}/resume`, {}),
    () => client.send('DELETE', `/feeds/${BETA}`),
  ];
  const answers: number[] = [];
  for (const act of acts) {
    answers.push((await act()).status);
    await readsOn();
    expect(await disturbed(), `after act ${answers.length}`).toEqual(before);
  }
  expect(answers).toEqual([201, 200, 200, 202, 200, 204]);
  letFinish();
  await connected(client, ALPHA);
  expect((await client.send('POST', `/feeds/${BETA}/restore`, {})).status).toBe(200);
  await connected(client, BETA);
  expect(await compareTables(tables(ALPHA), alpha)).toMatchObject({ equal: true, delivered: alpha.ledger.size });
  expect(await compareTables(tables(BETA), beta)).toMatchObject({ equal: true, delivered: beta.ledger.size });
});

/** The process ends, as by SIGKILL, when beta's file is about to be put in place, or has been: before it can answer. */
const endsAt = (moment: 'before' | 'after') =>
  `--import=data:text/javascript,${encodeURIComponent(`
    import files from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    const rename = files.rename;
    files.rename = async (from, to) => {
      const isIt = String(to).endsWith('/feeds.d/${BETA}.yaml');
      if (isIt && '${moment}' === 'before') process.kill(process.pid, 'SIGKILL');
      await rename(from, to);
      if (isIt) process.kill(process.pid, 'SIGKILL');
    };
    syncBuiltinESMExports();
  `)}`;

it('SIGKILL after each of these acts, and just before two are acknowledged, loses no acknowledged edit and no record of either feed', async () => {
  const { alpha, beta, directory, env, alphas, betas, tables, readsOn, letFinish } = await twoTenants();
  let one = await startBuiltConsole({ env, directory });
  let client = await one.token(await one.firstAdmin(), 'terraform', 'admin');
  const { credential } = client;
  const again = async (nodeFlags: readonly string[]) => {
    one = await startBuiltConsole({ env, directory, nodeFlags });
    client = one.clientOf(credential);
  };
  const betaNow = async () => {
    const { status, json } = await client.get(`/feeds/${BETA}/status`);
    if (status !== 200) return { status };
    const { poll } = (await client.get(`/feeds/${BETA}`)).json;
    return { pageSize: poll.pageSize, state: json.state.code, key: json.secrets['jumpcloud.apiKey'].lastFour };
  };
  await put(client, alphas);
  const { key } = beta.issueKey({ email: 'somebody.else@example.com' });
  const [old, renewed] = [beta.apiKey, key].map((text) => text.slice(-4));
  const acts = [
    { act: () => put(client, betas(100)), status: 201, is: { pageSize: 100, key: old } },
    { act: () => put(client, betas(50)), status: 200, is: { pageSize: 50, key: old } },
    {
      act: () => client.send('POST', `/feeds/${BETA}/pause`, { reason: 'a new key comes' }),
      status: 200,
      is: { pageSize: 50, key: old, state: 'paused' },
    },
    {
      act: () => client.send('PUT', SECRET, { secret: key }),
      status: 202,
      is: { pageSize: 50, key: renewed, state: 'paused' },
    },
    {
      act: () => client.send('DELETE', `/feeds/${BETA}`),
      status: 204,
      is: { status: 404 },
      next: [endsAt('before')],
    },
  ];
  for (const { act, status, is, next = [] } of acts) {
    await readsOn();
    expect((await act()).status).toBe(status);
    const ended = once(one.child, 'exit');
    one.child.kill('SIGKILL');
    await ended;
    await again(next);
    expect(await betaNow()).toMatchObject(is);
  }
  for (const { is, next } of [
    { is: { status: 404 }, next: [endsAt('after')] },
    { is: { pageSize: 50, key: renewed }, next: [] },
  ]) {
    await readsOn();
    const ended = once(one.child, 'exit');
    await expect(client.send('POST', `/feeds/${BETA}/restore`, {}), 'it is not acknowledged').rejects.toThrow();
    expect(await ended).toEqual([null, 'SIGKILL']);
    await again(next);
    expect(await betaNow()).toMatchObject(is);
  }
  letFinish();
  await connected(client, ALPHA);
  await connected(client, BETA);
  expect(await compareTables(tables(ALPHA), alpha)).toMatchObject({ equal: true, delivered: alpha.ledger.size });
  expect(await compareTables(tables(BETA), beta)).toMatchObject({ equal: true, delivered: beta.ledger.size });
  expect((await client.get('/audit/verification')).json).toMatchObject({ intact: true });
  const { entries } = (await client.get('/audit')).json as { entries: { operation: string; target: string }[] };
  expect(entries.filter(({ target }) => target === BETA).map(({ operation }) => operation)).toEqual([
    'deleteFeed',
    'renewSecret',
    'pauseFeed',
    'putFeed',
    'putFeed',
  ]);
});
