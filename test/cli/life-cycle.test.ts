import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callVerb } from '../commands/call-verb.js';
import { cli, command, compareTables, feedOf, folder, jsonLines, logins, start, tenant } from './command.js';

it('F-2: SIGTERM with thousands of records in flight ends it with 0, and the next run delivers the rest once', async () => {
  const simulated = await tenant({
    ...logins,
    records: 2_000,
    latency: 60,
    trouble: { ties: 0.05, repeated: { share: 0.01 } },
  });
  const cwd = folder();
  const env = feedOf(simulated, { POLL_PAGE_SIZE: '200', LOG_LEVEL: 'debug' });
  const first = start(['run'], { cwd, env });
  await first.said('"committed"');
  first.child.kill('SIGTERM');
  const { code, stdout, stderr } = await first.ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toContain('SIGTERM: finishing the batch in hand, then stopping');
  expect(stderr).not.toContain('grace time');
  const part = await compareTables(join(cwd, 'tables'), simulated);
  expect(part).toMatchObject({ repeated: 0, unknown: 0 });
  expect(part.missing, 'it was stopped in the middle').toBeGreaterThan(0);
  simulated.latency = 0;
  const second = await callVerb(['run', '--once'], { cwd, env });
  expect(second.code).toBe(0);
  expect(second.stderr).toContain('going on from');
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({
    equal: true,
    delivered: simulated.ledger.size,
  });
});

it('while a page hangs: the first signal gives up the request; a second one, or the end of the grace time, ends it at once', async () => {
  const simulated = await tenant({ script: [{ effect: { kind: 'hang' } }] });
  const env = feedOf(simulated, { LOG_LEVEL: 'debug', SHUTDOWN_GRACE: '20s' });
  const patient = start(['run'], { env });
  await patient.said('asking JumpCloud for its time');
  await patient.until(() => simulated.count('events') > 0);
  expect(patient.stderr().match(/asking JumpCloud for its time/g), 'said once').toHaveLength(1);
  patient.child.kill('SIGINT');
  expect(await patient.ended).toMatchObject({ code: 0 });
  expect(patient.stderr()).not.toContain('grace time');
  simulated.clearScript();
  // A verb that is busy with something that cannot be given up: here, a planted one.
  const cwd = folder();
  writeFileSync(
    join(cwd, 'busy.mjs'),
    `import { open } from 'node:fs/promises';
     const probe = await open(process.argv[1]);
     const prototype = Object.getPrototypeOf(probe);
     await probe.close();
     prototype.sync = () => { process.stderr.write('syncing for ever\\n'); setInterval(() => {}, 1000); return new Promise(() => {}); };`,
  );
  const nodeFlags = ['--import', join(cwd, 'busy.mjs')];
  const stuck = start(['run'], { cwd, env, nodeFlags });
  await stuck.said('syncing for ever');
  stuck.child.kill('SIGTERM');
  await stuck.said('finishing the batch in hand');
  stuck.child.kill('SIGTERM');
  expect(await stuck.ended).toMatchObject({ code: 0, signal: null });
  expect(stuck.stderr()).toContain('SIGTERM again: stopping at once');
  const out = start(['run'], { cwd: folder(), env: { ...env, SHUTDOWN_GRACE: '1s' }, nodeFlags });
  await out.said('syncing for ever');
  out.child.kill('SIGTERM');
  expect(await out.ended).toMatchObject({ code: 0, signal: null });
  expect(out.stderr()).toContain('the grace time of 1000 ms is over');
});

it('SIGHUP: a new key in the file and a new log level are taken up, the position kept; an invalid file is refused and the old one stays', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const { JUMPCLOUD_API_KEY: _, ...env } = feedOf(simulated, { POLL_INTERVAL: '1s', CONFIG_FILE: 'config.yaml' });
  const config = join(cwd, 'config.yaml');
  const key = join(cwd, 'key');
  writeFileSync(key, `${simulated.apiKey}\n`, { mode: 0o600 });
  writeFileSync(config, 'jumpcloud: { apiKey: { file: key } }\nlog: { level: info }\n');
  const running = start(['run'], { cwd, env });
  await running.said('first run');
  const next = simulated.issueKey({});
  writeFileSync(key, next.key);
  writeFileSync(config, 'jumpcloud: { apiKey: { file: key } }\nlog: { level: debug }\n');
  running.child.kill('SIGHUP');
  await running.said('SIGHUP: reading the credentials');
  await running.said(`another key is in use: …${next.key.slice(-4)}`);
  await running.said('caught up; next poll');
  appendFileSync(config, 'nonsense: 1\n');
  running.child.kill('SIGHUP');
  await running.said('the one that was read before stays in force');
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  expect(code).toBe(0);
  expect(stderr).not.toContain(next.key);
  expect(stderr).not.toContain(simulated.apiKey);
  expect(stderr.match(/first run/g), 'the position is kept').toHaveLength(1);
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true });
});

it('simulate prints its address as JSON, serves, and ends with 0 on SIGINT', async () => {
  const running = start(['simulate', '--port', '0', '--records', '50']);
  await running.said('Ctrl-C ends it');
  const [{ baseUrl, apiKey } = {}] = jsonLines(running.stdout());
  const answer = await fetch(`${baseUrl}/events`, {
    method: 'POST',
    headers: { 'x-api-key': String(apiKey), 'content-type': 'application/json' },
    body: JSON.stringify({ service: ['all'], start_time: new Date(Date.now() - 8 * 86_400_000).toISOString() }),
  });
  expect({ status: answer.status, array: Array.isArray(await answer.json()) }).toEqual({ status: 200, array: true });
  running.child.kill('SIGINT');
  expect(await running.ended).toMatchObject({ code: 0, signal: null });
});

it('a signal ends map in the middle of its input as it ends any filter', async () => {
  // The input stays open for longer than the test needs.
  const program = ['bash', '-c', 'exec "$0" "$@" < <(exec 2>&-; echo null; sleep 15)', process.execPath, cli];
  const cwd = folder();
  const running = start(['map', '--dead-letters', 'dead.ndjson'], { cwd, program });
  const dead = join(cwd, 'dead.ndjson');
  await running.until(() => existsSync(dead) && statSync(dead).size > 0);
  running.child.kill('SIGINT');
  expect(await running.ended).toMatchObject({ code: null, signal: 'SIGINT' });
});

it('backfill stops on SIGINT with 75 and goes on where it stood; beside a live feed no record comes twice', async () => {
  const now = Date.now();
  const simulated = await tenant({ ...logins, records: 2_100, from: now - 10 * 86_400_000, to: now });
  const cwd = folder();
  const env = feedOf(simulated, { POLL_START: '1d', POLL_PAGE_SIZE: '100' });
  const live = await callVerb(['run', '--once'], { cwd, env });
  expect(live.code).toBe(0);
  const day = (ms: number) => new Date(ms).toISOString();
  const args = ['backfill', '--from', day(now - 11 * 86_400_000), '--to', day(now)];
  const dry = await callVerb([...args, '--dry-run'], { cwd, env });
  expect(dry.code).toBe(0);
  expect(dry.stdout).toMatch(/^\d{4}-.* to .*: \d+ records\n$/);
  // Past the first commit and before the last page.
  const stopAt = simulated.count('events') + 18;
  const interrupt = () => void first.child.kill('SIGINT');
  simulated.script([
    { when: { match: ({ routeNumber }) => routeNumber === stopAt }, effect: { kind: 'run', action: interrupt } },
    { when: { match: ({ routeNumber }) => routeNumber >= stopAt }, effect: { kind: 'hang' } },
  ]);
  const first = start(args, { cwd, env });
  expect(await first.ended).toMatchObject({ code: 75, stdout: '' });
  simulated.clearScript();
  const second = await command(args, { cwd, env });
  expect(second).toMatchObject({ code: 0, stdout: '' });
  expect(second.stderr).toContain('backfilled');
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 2_100 });
});

it('SIGUSR1 opens no debugger: the feed goes on as if nothing had been', async () => {
  const simulated = await tenant();
  const env = feedOf(simulated, { LOG_LEVEL: 'debug', POLL_INTERVAL: '1s' });
  const running = start(['run'], { env, nodeFlags: ['--inspect-port=127.0.0.1:0'] });
  await running.said('caught up; next poll');
  running.child.kill('SIGUSR1');
  await running.said(/(caught up; next poll[\s\S]*){3}/);
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/debugger/i);
});

it('a link in place of a table’s directory is refused: nothing is written behind it, and without it all is delivered once', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const elsewhere = folder();
  const env = feedOf(simulated);
  const link = join(cwd, 'tables', 'authentication');
  mkdirSync(join(cwd, 'tables'), { mode: 0o700 });
  symlinkSync(elsewhere, link);
  const refused = await callVerb(['run', '--once'], { cwd, env });
  expect(refused.code).toBe(74);
  expect(refused.stderr).toContain('authentication is a symbolic link');
  expect(readdirSync(elsewhere)).toEqual([]);
  unlinkSync(link);
  expect((await callVerb(['run', '--once'], { cwd, env })).code).toBe(0);
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true });
});
