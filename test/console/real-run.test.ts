import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { command, compareTables, folder } from '../cli/command.js';
import { consoleOverTenant, put, statementProcesses, until } from './console-over-tenant.js';
import { type Sent, startBuiltConsole } from './harness.js';

const DAY = 24 * 60 * 60_000;

const lines = ({ text }: { text: string }) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

it('A5: of edits while it collects the last one that was acknowledged is in force after SIGKILL, no record is lost and none comes twice', async () => {
  const now = Date.now();
  const tenant = await startTenant({ seed: 5, records: 600, from: now - DAY, to: now - 120_000, latency: 20 });
  onTestFinished(() => tenant.close());
  const root = realpathSync(folder());
  const tables = join(root, 'tables', 'acme');
  for (const name of ['tables', 'console']) mkdirSync(join(root, name));
  const env = { CONSOLE_ADDRESSES: '127.0.0.1', CONSOLE_ROOTS_TABLES: join(root, 'tables') };
  const one = await startBuiltConsole({ env, directory: join(root, 'console') });
  const terraform = await one.token(await one.firstAdmin(), 'terraform', 'admin');
  const [user = ''] = readdirSync(join(one.directory, 'users'));
  const { password } = JSON.parse(readFileSync(join(one.directory, 'users', user), 'utf8'));
  expect(password.scheme, 'the full cost, where no test says another').toBe('scrypt-32768-8-3');
  const { baseUrl, apiKey } = tenant;
  const document = (pageSize: number) => ({
    name: 'acme',
    jumpcloud: { baseUrl, apiKey, eventTypes: ['login', 'admin', 'other'] },
    poll: { start: '2d', interval: '1s', pageSize, requestsPerSecond: 1000 },
    tables: { directory: tables },
  });
  expect((await put(terraform, document(20))).status).toBe(201);
  for (let pageSize = 21; pageSize <= 25; pageSize++) {
    const reply = await put(terraform, document(pageSize));
    expect([reply.status, reply.headers['x-applied']]).toEqual([200, 'restarted']);
  }
  one.child.kill('SIGKILL');
  await once(one.child, 'exit');

  tenant.latency = 0;
  const two = await startBuiltConsole({ env, directory: one.directory });
  const get = async (path: string, sent: Sent = {}) =>
    (await two.send(`/api/v1${path}`, { ...sent, headers: terraform.credential })).json;
  expect((await get('/feeds/acme')).poll.pageSize).toBe(25);
  await until(
    () => get('/feeds/acme/status'),
    ({ state }) => state.code === 'connected',
  );
  expect(await compareTables(tables, tenant)).toMatchObject({ equal: true, delivered: tenant.ledger.size });
  expect(await get('/audit/verification')).toMatchObject({ intact: true });
});

it('A17: the process of a query that is killed is an error of that query, and the feed goes on', async () => {
  const { admin, child, document } = await consoleOverTenant({ built: true, records: 50 });
  await put(admin, document('acme'));
  const status = async () => (await admin.get('/feeds/acme/status')).json;
  const connected = await until(status, ({ state }) => state.code === 'connected');
  const bomb = { feed: 'acme', sql: 'SELECT count(*) FROM range(1000000000000) a, range(1000000) b' };
  const asked = admin.send('POST', '/queries', bomb);
  const [worker] = await until(
    async () => statementProcesses(child?.pid),
    (found) => found.length === 1,
  );
  process.kill(worker!, 'SIGKILL');
  const { error } = lines(await asked).at(-1).end;
  expect(error).toMatchObject({ code: expect.any(String), message: expect.any(String), cure: expect.any(String) });
  const lane = ({ view }: { view: { lanes: { name: string; since: string; lastPoll: string }[] } }) =>
    view.lanes.find(({ name }) => name === 'live')!;
  const after = await until(status, (now) => lane(now).lastPoll > lane(connected).lastPoll);
  expect(lane(after).since).toBe(lane(connected).since);
  expect(lines(await admin.send('POST', '/queries', { feed: 'acme', sql: 'SELECT 1 AS one' })).at(-1).end.error).toBe(
    null,
  );
});

it('A12: what is exported collects the same records without the console, and holds no secret', async () => {
  const { admin, root, tenant, document } = await consoleOverTenant();
  await put(admin, document('acme', { description: 'Acme', owners: [{ name: 'SOC' }] }));
  await until(
    async () => (await admin.get('/feeds/acme/status')).json.state.code,
    (code) => code === 'connected',
  );
  const { text } = await admin.get('/export');
  expect(text).not.toContain(tenant.apiKey);
  const file = /\/run\/secrets\/jumpcloud-ocsf\/\S+/.exec(text)![0];
  const [key, config, elsewhere] = [join(root, 'key'), join(root, 'config.yaml'), join(root, 'tables', 'headless')];
  writeFileSync(key, tenant.apiKey, { mode: 0o600 });
  writeFileSync(config, text.replaceAll(file, key).replaceAll(join(root, 'tables', 'acme'), elsewhere));
  const printed = await command(['config', 'print', '--config', config], { cwd: root });
  expect([printed.code, printed.stdout.includes('Acme'), printed.stdout.includes(tenant.apiKey)]).toEqual([
    0,
    true,
    false,
  ]);
  const { code } = await command(['run', '--once', '--config', config], { cwd: root });
  expect(code).toBe(0);
  expect(await compareTables(elsewhere, tenant)).toMatchObject({ equal: true, delivered: tenant.ledger.size });
  expect(await compareTables(join(root, 'tables', 'acme'), tenant)).toMatchObject({ equal: true });
});

it('A11: a dry run says what the replay then does, a second replay does nothing more, and neither loses a dead letter', async () => {
  const { admin, document } = await consoleOverTenant({ tenant: { trouble: { malformed: { share: 0.2 } } } });
  await put(admin, document('acme'));
  await until(
    async () => (await admin.get('/feeds/acme/status')).json.state.code,
    (code) => code === 'connected',
  );
  const count = async () => (await admin.get('/feeds/acme/dead-letters')).json.total;
  const before = await count();
  expect(before).toBeGreaterThan(0);
  const replay = async (dryRun: boolean) => {
    const started = await admin.send('POST', '/feeds/acme/replays', { dryRun });
    expect(started.status).toBe(202);
    const job = await until(
      async () => (await admin.get(`/jobs/${started.json.id}`)).json,
      ({ state }) => state !== 'running',
    );
    expect(job.state).toBe('done');
    const { events, stillDead } = job.replayed;
    return { events, stillDead };
  };
  const tried = await replay(true);
  expect(await count()).toBe(before);
  expect(await replay(false)).toEqual(tried);
  expect(await count()).toBe(before - tried.events);
  expect(await replay(false)).toEqual({ events: 0, stillDead: tried.stillDead });
});
