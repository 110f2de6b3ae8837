import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import type { StatusView } from '../../collector/monitoring/status/board.js';
import type { SupervisionView } from '../../collector/monitoring/status/supervision.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { parseMetrics } from '../monitoring/prometheus.js';
import { modulesWithin } from './built-modules.js';
import {
  addressOf,
  command,
  compareTables,
  folder,
  jsonLines,
  logins,
  type Running,
  start,
  tenant,
} from './command.js';

const PASSWORD = 'correct horse battery staple';

/** The file of a feed of everything that a tenant shows, into tables of its own. */
function fileOf({ baseUrl, apiKey }: Pick<Tenant, 'baseUrl' | 'apiKey'>, directory: string, more = ''): string {
  return [
    `jumpcloud: { baseUrl: "${baseUrl}", apiKey: ${apiKey}, eventTypes: [login, admin, other] }`,
    `tables: { directory: ${directory} }`,
    more.includes('poll:') ? '' : 'poll: { interval: 1s, start: 3d, requestsPerSecond: 1000 }',
    more,
    '',
  ].join('\n');
}

const poll = (changes: string) => `poll: { start: 3d, requestsPerSecond: 1000, ${changes} }`;

/** A run over a directory of feeds, with its health port and, where asked for, its console. */
function directoryOfFeeds(feeds: Readonly<Record<string, string>>, more: Record<string, string> = {}) {
  const cwd = folder();
  mkdirSync(join(cwd, 'feeds'), { mode: 0o700 });
  const write = (name: string, text: string) => {
    writeFileSync(join(cwd, 'feeds', `.${name}`), text, { mode: 0o600 });
    renameSync(join(cwd, 'feeds', `.${name}`), join(cwd, 'feeds', name));
  };
  for (const [name, text] of Object.entries(feeds)) write(name, text);
  const env = { FEEDS_DIRECTORY: 'feeds', HTTP_PORT: '0', LOG_LEVEL: 'debug', ...more };
  return { cwd, env, write, start: () => start(['run'], { cwd, env }) };
}

async function statusOf(address: string): Promise<StatusView> {
  return (await (await fetch(`${address}/status`)).json()) as StatusView;
}

/** Asks until a feed is as it should be. */
async function waitFor(
  address: string,
  feed: string,
  holds: (feed: SupervisionView) => boolean,
): Promise<SupervisionView> {
  for (;;) {
    const found = (await statusOf(address)).supervision.find(({ name }) => name === feed);
    if (found !== undefined && holds(found)) return found;
    await pause(50);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const live = ({ feeds }: StatusView, name: string) =>
  feeds.find((feed) => feed.name === name)!.lanes.find((lane) => lane.name === 'live')!;

/** A client of the console with the rights of its first administrator. */
async function consoleOf(running: Running) {
  await running.said(/the console is at http:\/\/127\.0\.0\.1:\d+/);
  const origin = /the console is at (http:\/\/127\.0\.0\.1:\d+)/.exec(running.stderr())![1]!;
  const own = { origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
  const login = await fetch(`${origin}/api/v1/session`, {
    method: 'POST',
    headers: own,
    body: JSON.stringify({ user: 'admin', password: PASSWORD }),
  });
  const { proof } = (await login.json()) as { proof: string };
  const cookie = login.headers.get('set-cookie')!.split(';')[0]!;
  return async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${origin}/api/v1${path}`, {
      method,
      headers: { ...own, cookie, 'x-console-proof': proof },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, text: await answer.text() };
  };
}

function withConsole(): Record<string, string> {
  return {
    CONSOLE_ENABLED: 'true',
    CONSOLE_PORT: '0',
    CONSOLE_DIRECTORY: 'console',
    CONSOLE_ADMIN_PASSWORD: PASSWORD,
  };
}

async function stop(running: Running): Promise<void> {
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ code: 0, stdout: '' });
}

it('A5: edits restart the feed that is edited and no other; SIGKILL among them loses no edit and no record, and none comes twice', async () => {
  const [acme, globex] = [await tenant({ ...logins, records: 2_000, latency: 15 }), await tenant({ seed: 29 })];
  const {
    cwd,
    env,
    write,
    start: run,
  } = directoryOfFeeds({
    'acme.yaml': fileOf(acme, 'acme', poll('interval: 1s, pageSize: 40')),
    'globex.yaml': fileOf(globex, 'globex'),
  });
  const running = run();
  const address = await addressOf(running);
  await running.said(/"caught up; next poll[^\n]*globex/);
  const before = await statusOf(address);
  const since = (view: StatusView, name: string) => view.supervision.find((feed) => feed.name === name)!.since;
  for (let edit = 1; edit <= 6; edit += 1) {
    write('acme.yaml', fileOf(acme, 'acme', poll(`interval: 1s, pageSize: ${40 + edit}`)));
    running.child.kill('SIGHUP');
    await running.said(new RegExp(`(the configuration has changed: restarted[\\s\\S]*){${edit}}`));
  }
  // It goes on polling; waited for, since a busy machine takes its time.
  let after = await statusOf(address);
  while (!(live(after, 'globex').lastPoll! > live(before, 'globex').lastPoll!)) {
    await pause(50);
    after = await statusOf(address);
  }
  expect(since(after, 'globex')).toBe(since(before, 'globex'));
  expect(since(after, 'acme')).not.toBe(since(before, 'acme'));
  expect(live(after, 'globex').since).toBe(live(before, 'globex').since);
  // Records go on appearing while the test runs: the counter never begins again.
  expect(live(after, 'globex').counts.sinceStart.events).toBeGreaterThanOrEqual(
    live(before, 'globex').counts.sinceStart.events,
  );
  // The counters of the feed that was restarted go on.
  const { samples } = parseMetrics(await (await fetch(`${address}/metrics`)).text()).get(
    'jumpcloud_ocsf_records_received_total',
  )!;
  expect(samples.map(({ labels }) => labels.feed).sort()).toEqual(['acme', 'globex']);
  write('acme.yaml', fileOf(acme, 'acme', poll('interval: 1s, pageSize: 77')));
  running.child.kill('SIGHUP');
  running.child.kill('SIGKILL');
  await running.ended;
  const part = await compareTables(join(cwd, 'acme'), acme);
  expect(part).toMatchObject({ repeated: 0, unknown: 0 });
  expect(part.missing, 'it was killed in the middle').toBeGreaterThan(0);
  acme.latency = 0;
  const { code } = await command(['run', '--once'], { cwd, env });
  expect(code).toBe(0);
  const asked = acme.requests.findLast(({ route }) => route === 'events')!.body as { limit: number };
  expect(asked.limit, 'the last edit is in force').toBe(77);
  expect(await compareTables(join(cwd, 'acme'), acme)).toMatchObject({ equal: true, delivered: acme.ledger.size });
  expect(await compareTables(join(cwd, 'globex'), globex)).toMatchObject({ equal: true });
});

it('A14: a mounted directory that is swapped by its link adds, changes and removes feeds without a restart', async () => {
  const simulated = await tenant();
  const cwd = folder();
  /** As the kubelet lays out a ConfigMap: a folder per generation, `..data` names the one in force. */
  const mount = (generation: string, feeds: Readonly<Record<string, string>>) => {
    mkdirSync(join(cwd, 'feeds', `..${generation}`), { recursive: true });
    for (const [name, text] of Object.entries(feeds)) writeFileSync(join(cwd, 'feeds', `..${generation}`, name), text);
    rmSync(join(cwd, 'feeds', '..data_tmp'), { force: true });
    symlinkSync(`..${generation}`, join(cwd, 'feeds', '..data_tmp'));
    renameSync(join(cwd, 'feeds', '..data_tmp'), join(cwd, 'feeds', '..data'));
    for (const name of readdirSync(join(cwd, 'feeds')))
      if (!name.startsWith('.') && feeds[name] === undefined) rmSync(join(cwd, 'feeds', name));
    for (const name of Object.keys(feeds)) {
      rmSync(join(cwd, 'feeds', name), { force: true });
      symlinkSync(join('..data', name), join(cwd, 'feeds', name));
    }
  };
  mount('one', {
    'changed.yaml': fileOf(simulated, 'changed'),
    'gone.yaml': fileOf(simulated, 'gone'),
    'same.yaml': fileOf(simulated, 'same'),
  });
  const running = start(['run'], { cwd, env: { FEEDS_DIRECTORY: 'feeds', HTTP_PORT: '0', LOG_LEVEL: 'debug' } });
  const address = await addressOf(running);
  for (const feed of ['changed', 'gone', 'same']) await running.said(new RegExp(`"caught up; next poll[^\\n]*${feed}`));
  const before = await statusOf(address);
  mount('two', {
    'changed.yaml': fileOf(simulated, 'changed', poll('interval: 2s')),
    'new.yaml': fileOf(simulated, 'new', 'description: Added later'),
    'same.yaml': fileOf(simulated, 'same'),
  });
  for (const change of ['removed', 'started', 'restarted'])
    await running.said(`the configuration has changed: ${change}`);
  await running.said(/"caught up; next poll[^\n]*"new"/);
  const after = await statusOf(address);
  expect(after.supervision.map(({ name }) => name)).toEqual(['changed', 'new', 'same']);
  expect(after.feeds.map(({ name }) => name).sort()).toEqual(['changed', 'new', 'same']);
  expect(after.supervision[2]!.since).toBe(before.supervision[2]!.since);
  expect(await (await fetch(`${address}/metrics`)).text(), 'a feed that is gone has no series').not.toContain('"gone"');
  await stop(running);
  expect(running.stderr().match(/first run/g), 'one for each feed').toHaveLength(4);
  for (const feed of ['changed', 'gone', 'new', 'same'])
    expect(await compareTables(join(cwd, feed), simulated)).toMatchObject({ equal: true });
});

it('SIGHUP applies the operator’s own file; an invalid one keeps the set in force', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const member = (name: string) => `  - { name: ${name}, tables: { directory: ${name} } }\n`;
  const file = (...names: string[]) =>
    writeFileSync(join(cwd, 'config.yaml'), `${fileOf(simulated, 'x')}feeds:\n${names.map(member).join('')}`);
  file('one', 'two');
  const running = start(['run'], { cwd, env: { CONFIG_FILE: 'config.yaml', HTTP_PORT: '0' } });
  const address = await addressOf(running);
  await waitFor(address, 'two', ({ state }) => state === 'running');
  file('two', 'three');
  running.child.kill('SIGHUP');
  await running.said('the configuration has changed: started');
  await waitFor(address, 'three', ({ state }) => state === 'running');
  expect((await statusOf(address)).supervision.map(({ name }) => name)).toEqual(['two', 'three']);
  file('two', 'Two');
  running.child.kill('SIGHUP');
  await running.said('the one that was read before stays in force');
  await running.said('the name of this feed is already that of');
  expect((await statusOf(address)).supervision.map(({ name }) => name)).toEqual(['two', 'three']);
  await stop(running);
});

it('A16, A19: an invalid file and a refused key are the matter of their feeds; without any feed it is ready, and the console answers', async () => {
  const [acme, globex] = [await tenant(), await tenant({ seed: 29 })];
  const managed = 'console/feeds.d';
  const { cwd, write, start: run } = directoryOfFeeds({}, withConsole());
  const running = run();
  const address = await addressOf(running);
  const ask = await consoleOf(running);
  expect((await fetch(`${address}/readyz`)).status, 'no feed is no fault').toBe(200);
  mkdirSync(join(cwd, managed), { recursive: true, mode: 0o700 });
  writeFileSync(join(cwd, managed, 'acme.yaml'), fileOf(acme, 'acme'));
  write('globex.yaml', fileOf(globex, 'globex'));
  await running.said(/"caught up; next poll[^\n]*acme/);
  await running.said(/"caught up; next poll[^\n]*globex/);
  expect((await fetch(`${address}/readyz`)).status).toBe(200);
  writeFileSync(join(cwd, managed, 'acme.yaml'), 'jumpcloud:\n  apiKee: x\n');
  writeFileSync(join(cwd, managed, 'other.yaml'), 'poll: { interval: soon }\n');
  running.child.kill('SIGHUP');
  const invalid = await waitFor(address, 'other', () => true);
  expect(invalid).toMatchObject({
    state: 'invalid',
    source: { kind: 'managed', where: `${managed}/other.yaml` },
    problems: [{ where: `${managed}/other.yaml:1`, message: expect.stringContaining('poll.interval must be') }],
  });
  const kept = await waitFor(address, 'acme', ({ problems }) => problems.length > 0);
  expect(kept, 'the configuration before stays in force').toMatchObject({
    state: 'running',
    problems: [
      { where: `${managed}/acme.yaml:2`, message: 'jumpcloud.apiKee is not a key; did you mean jumpcloud.apiKey?' },
    ],
  });
  const unready = await fetch(`${address}/readyz`);
  expect(unready.status).toBe(503);
  expect(((await unready.json()) as StatusView).reasons.map(({ part }) => part)).toEqual([
    'configuration',
    'configuration',
  ]);
  expect((await statusOf(address)).feeds.find(({ name }) => name === 'globex')).toMatchObject({ ready: true });
  writeFileSync(join(cwd, managed, 'acme.yaml'), fileOf(acme, 'acme'));
  rmSync(join(cwd, managed, 'other.yaml'));
  running.child.kill('SIGHUP');
  await waitFor(address, 'acme', ({ problems }) => problems.length === 0);
  for (const key of globex.keys) key.state = 'revoked';
  while ((await fetch(`${address}/readyz`)).status !== 503) await pause(50);
  expect(await ask('GET', '/session')).toMatchObject({ status: 200 });
  expect((await statusOf(address)).feeds.find(({ name }) => name === 'acme')).toMatchObject({ ready: true });
  // A feed that ends by itself says why, and the process stays for the one who cures it.
  write('keyless.yaml', `tables: { directory: keyless }\n`);
  running.child.kill('SIGHUP');
  const ended = await waitFor(address, 'keyless', ({ state }) => state === 'stopped');
  expect(ended.failure).toMatchObject({
    code: 'CREDENTIAL_MISSING',
    cure: expect.stringContaining('JUMPCLOUD_API_KEY'),
  });
  write('keyless.yaml', fileOf(acme, 'keyless'));
  running.child.kill('SIGHUP');
  await waitFor(address, 'keyless', ({ state }) => state === 'running');
  running.child.kill('SIGTERM');
  await running.ended;
});

it('A6: paused, resumed, DISABLED and asked to run: the position stays, and what is at rest counts down and is not late', async () => {
  const [acme, manual] = [await tenant({ latency: 1 }), await tenant({ seed: 29 })];
  const { cwd, start: run } = directoryOfFeeds(
    {
      'acme.yaml': fileOf(acme, 'acme', 'account: { name: Acme, tag: true }'),
      'manual.yaml': fileOf(manual, 'manual', poll('interval: DISABLED')),
    },
    { ...withConsole(), HEALTH_NO_DATA_AFTER: '1s' },
  );
  const running = run();
  const address = await addressOf(running);
  const ask = await consoleOf(running);
  await running.said(/"caught up; next poll[^\n]*acme/);
  await running.said(/waits to be asked: poll.interval is never[^\n]*manual/);
  const before = manual.count('events');
  expect((await statusOf(address)).feeds.find(({ name }) => name === 'manual')).toMatchObject({
    ready: true,
    noData: null,
    lanes: [{ state: 'disabled', counts: { total: { records: 0 } } }],
  });
  expect(manual.count('events'), 'it was not asked').toBe(before);
  expect((await ask('POST', '/feeds/manual/run', {})).status).toBe(202);
  // Besides each of the 120 once, what the overlap reads again.
  const atRest = async () => {
    const { state, counts } = live(await statusOf(address), 'manual');
    return state === 'disabled' && counts.total.records >= 120;
  };
  while (!(await atRest())) await pause(50);
  const { retention } = await waitFor(address, 'manual', () => true);
  expect(retention).toMatchObject({ daysLeft: 89 });
  expect((await ask('POST', '/feeds/acme/pause', { reason: 'change of keys' })).status).toBe(200);
  const asked = acme.count('events');
  const paused = await waitFor(address, 'acme', ({ state }) => state === 'paused');
  expect(paused).toMatchObject({ pause: { by: 'admin', reason: 'change of keys' }, retention: { daysLeft: 89 } });
  expect((await fetch(`${address}/readyz`)).status, 'nobody waits for it').toBe(200);
  const metrics = await (await fetch(`${address}/metrics`)).text();
  expect(metrics).toMatch(/jumpcloud_ocsf_feed_at_rest\{feed="acme"\} 1/);
  expect(metrics).toMatch(/jumpcloud_ocsf_retention_deadline_timestamp_seconds\{feed="acme"\} \d/);
  await stop(running);
  expect(statSync(join(cwd, 'console', 'pauses.json')).mode & 0o777).toBe(0o600);
  const again = run();
  const there = await addressOf(again);
  const askAgain = await consoleOf(again);
  expect(await waitFor(there, 'acme', () => true), 'a pause lasts over a restart').toMatchObject({
    state: 'paused',
    pause: paused.pause,
    retention: paused.retention,
  });
  expect(acme.count('events')).toBe(asked);
  expect((await askAgain('POST', '/feeds/acme/resume', {})).status).toBe(200);
  await again.said(/going on from[^\n]*acme/);
  await again.said(/"caught up; next poll[^\n]*acme/);
  const { text } = await askAgain('GET', '/feeds/acme/activity?range=90d');
  const { series } = JSON.parse(text) as { series: { events: (number | null)[] } };
  expect(
    series.events.reduce<number>((sum, events) => sum + (events ?? 0), 0),
    'from before the restart',
  ).toBeGreaterThan(80);
  const log = await askAgain('GET', '/feeds/acme/log?after=0');
  expect(log.text).toContain('going on from');
  expect(log.text).not.toContain(acme.apiKey);
  await stop(again);
  expect(again.stderr()).not.toContain('first run');
  for (const [name, one] of Object.entries({ acme, manual }))
    expect(await compareTables(join(cwd, name), one)).toMatchObject({ equal: true });
});

it('A18: without the console nothing of it is loaded: no Hono, no history, no port', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const preload = `import { writeFileSync } from 'node:fs';
    import { createRequire } from 'node:module';
    const { cache } = createRequire(process.argv[1]);
    process.on('exit', () => writeFileSync(process.env.MODULES, Object.keys(cache).join('\\n')));`;
  const modules = async (name: string, env: Record<string, string>) => {
    writeFileSync(join(cwd, 'acme.yaml'), fileOf(simulated, name));
    const running = start(['run', '--config', 'acme.yaml'], {
      cwd,
      env: { HTTP_PORT: '0', LOG_LEVEL: 'debug', MODULES: join(cwd, `${name}.modules`), ...env },
      nodeFlags: [`--import=data:text/javascript,${encodeURIComponent(preload)}`],
    });
    await running.said('caught up; next poll');
    await stop(running);
    const paths = readFileSync(join(cwd, `${name}.modules`), 'utf8').split('\n');
    const files = paths.flatMap((path) => modulesWithin(pathToFileURL(path)));
    return { text: files.join('\n'), stderr: running.stderr() };
  };
  const ofConsole = /\/node_modules\/(?:hono|@hono)\/|\/collector\/console\/|feed-history|monitoring\/activity/;
  const without = await modules('without', {});
  expect(without.text).toContain('/collector/runtime/feed-supervisor.ts');
  expect(without.text).not.toMatch(ofConsole);
  expect(jsonLines(without.stderr).filter(({ msg }) => String(msg).includes('console is at'))).toEqual([]);
  const beside = await modules('beside', withConsole());
  expect(beside.text, 'the list of modules tells').toMatch(ofConsole);
});
