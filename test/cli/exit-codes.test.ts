import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { callVerb } from '../commands/call-verb.js';
import { freePort } from '../free-port.js';
import {
  cli,
  command,
  compareTables,
  type Ended,
  feedOf,
  folder,
  jsonLines,
  logins,
  start,
  tenant,
} from './command.js';

/** The log's last error: what the operator reads. */
function failure({ stderr }: Ended): Record<string, unknown> | undefined {
  return jsonLines(stderr).findLast(({ level }) => level === 'error');
}

it('0: run --once collects everything, a second run finds nothing new, and stdout stays empty', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const first = await command(['run', '--once'], { cwd, env: feedOf(simulated) });
  expect(first).toMatchObject({ code: 0, stdout: '' });
  expect(first.stderr).toContain('first run: no position is stored');
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 120 });
  const before = readdirSync(join(cwd, 'tables'), { recursive: true }).filter((name) =>
    String(name).endsWith('.parquet'),
  );
  const second = await command(['run', '--once'], { cwd, env: feedOf(simulated) });
  expect(second).toMatchObject({ code: 0, stdout: '' });
  expect(second.stderr).toContain('going on from');
  const after = readdirSync(join(cwd, 'tables'), { recursive: true }).filter((name) =>
    String(name).endsWith('.parquet'),
  );
  expect(after.sort()).toEqual(before.sort());
});

it('65: map met a dead letter (its own tests say more)', async () => {
  expect(await command(['map'], { input: '42\n' })).toMatchObject({ code: 65 });
});

it('69: nobody listens at the address', async () => {
  const port = await freePort();
  const env = feedOf({ baseUrl: `http://127.0.0.1:${port}/insights/directory/v1`, apiKey: `jca_${'a'.repeat(36)}` });
  const ended = await command(['run', '--once'], { env });
  expect(ended).toMatchObject({ code: 69, stdout: '' });
  expect(failure(ended)).toMatchObject({ code: 'UNREACHABLE', cure: expect.stringMatching(/\w{4}/) });
  expect(ended.stderr).toContain('ECONNREFUSED');
});

it('69: JumpCloud answers with an error for ever', async () => {
  const broken = createServer((_, res) => void res.writeHead(501).end('{}'));
  await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void broken.close());
  const { port } = broken.address() as AddressInfo;
  const env = feedOf({ baseUrl: `http://127.0.0.1:${port}/insights/directory/v1`, apiKey: `jca_${'a'.repeat(36)}` });
  const ended = await command(['run', '--once'], { env });
  expect(ended).toMatchObject({ code: 69, stdout: '' });
  expect(failure(ended)).toMatchObject({ cure: expect.stringMatching(/\w{4}/) });
});

it('70: a defect ends the run at once, and the state it leaves is good for the next one', async () => {
  const simulated = await tenant({ ...logins, records: 1_500, latency: 30 });
  const cwd = folder();
  const env = feedOf(simulated, { POLL_PAGE_SIZE: '50' });
  writeFileSync(
    join(cwd, 'defect.mjs'),
    `import { existsSync } from 'node:fs';
     const looking = setInterval(() => {
       if (!existsSync('tables/authentication')) return;
       clearInterval(looking);
       Promise.reject(new TypeError('a planted defect'));
     }, 5);
     looking.unref();`,
  );
  const ended = await command(['run', '--once'], { cwd, env, nodeFlags: ['--import', join(cwd, 'defect.mjs')] });
  expect(ended).toMatchObject({ code: 70, stdout: '' });
  expect(ended.stderr).toMatch(/defect \(unhandledRejection\): TypeError: a planted defect/);
  simulated.latency = 0;
  expect(await callVerb(['run', '--once'], { cwd, env })).toMatchObject({ code: 0 });
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 1_500 });
});

it('F-3: 73: a second collector on the same lane is refused, and SIGKILL of the first frees the lane', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const env = feedOf(simulated, { LOG_LEVEL: 'debug', POLL_INTERVAL: '1h' });
  const first = start(['run'], { cwd, env });
  await first.said('caught up; next poll');
  const second = await command(['run', '--once'], { cwd, env });
  expect(second).toMatchObject({ code: 73, stdout: '' });
  expect(failure(second)).toMatchObject({
    code: 'LANE_IN_USE',
    msg: expect.stringContaining('Lane live is in use'),
    cure: expect.stringContaining('stop'),
  });
  first.child.kill('SIGKILL');
  expect(await first.ended).toMatchObject({ signal: 'SIGKILL' });
  expect(await callVerb(['run', '--once'], { cwd, env })).toMatchObject({ code: 0 });
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true });
});

it('74: the tables cannot be made where a file stands in the way', async () => {
  const simulated = await tenant();
  const cwd = folder();
  writeFileSync(join(cwd, 'occupied'), '');
  const ended = await command(['run', '--once'], {
    cwd,
    env: feedOf(simulated, { TABLES_DIRECTORY: 'occupied/tables' }),
  });
  expect(ended).toMatchObject({ code: 74, stdout: '' });
  expect(failure(ended)).toMatchObject({
    code: 'STORAGE_FAILED',
    cure: expect.stringContaining('choose another directory'),
  });
});

it('74: the directory may not be written to', async ({ skip }) => {
  const simulated = await tenant();
  const cwd = folder();
  const locked = join(cwd, 'locked');
  mkdirSync(locked, { mode: 0o500 });
  const asNobody = process.getuid?.() === 0;
  if (asNobody) {
    // Root may write everywhere: another user has to try.
    try {
      execFileSync('setpriv', ['--reuid=65534', '--clear-groups', 'test', '-r', cli]);
    } catch {
      process.stderr.write('SKIPPED: another user cannot be taken on here, or cannot read the build.\n');
      skip();
    }
    chmodSync(cwd, 0o755);
  }
  const program = asNobody
    ? ['setpriv', '--reuid=65534', '--clear-groups', process.execPath, cli]
    : [process.execPath, cli];
  const ended = await command(['run', '--once'], {
    cwd,
    program,
    env: feedOf(simulated, { TABLES_DIRECTORY: locked }),
  });
  expect(ended).toMatchObject({ code: 74, stdout: '' });
  expect(failure(ended)).toMatchObject({ code: 'STORAGE_FAILED', cure: expect.stringContaining('write access') });
});

it('74: the disk is full; with space again the next run delivers everything', async ({ skip }) => {
  const simulated = await tenant({ ...logins, records: 2_000 });
  const cwd = folder();
  const disk = join(cwd, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', disk], { stdio: 'pipe' });
  } catch {
    process.stderr.write('SKIPPED: a small file system cannot be mounted here.\n');
    skip();
  }
  onTestFinished(() => void execFileSync('umount', ['-l', disk]));
  const env = feedOf(simulated, { TABLES_DIRECTORY: join(disk, 'tables') });
  const full = await command(['run', '--once'], { cwd, env });
  expect(full).toMatchObject({ code: 74, stdout: '' });
  expect(failure(full)).toMatchObject({ code: 'STORAGE_FAILED', cure: expect.stringContaining('Free space') });
  execFileSync('mount', ['-o', 'remount,size=64m', disk]);
  expect(await callVerb(['run', '--once'], { cwd, env })).toMatchObject({ code: 0 });
  expect(await compareTables(join(disk, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 2_000 });
});

it('74: a damaged position is restored from its copy; with both damaged the run stops and names the file', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const env = feedOf(simulated);
  await callVerb(['run', '--once'], { cwd, env });
  const state = join(cwd, 'tables', '.state');
  const files = readdirSync(state, { recursive: true, encoding: 'utf8' }).map((name) => join(state, name));
  const json = files.find((name) => name.endsWith('live.json'))!;
  const copy = files.find((name) => /live.*\.bak/.test(name))!;
  expect(statSync(json).mode & 0o777).toBe(0o600);
  const whole = readFileSync(json, 'utf8');
  writeFileSync(json, whole.slice(0, 40));
  const restored = await callVerb(['run', '--once'], { cwd, env });
  expect(restored.code).toBe(0);
  expect(restored.stderr).toContain('Restored from its copy');
  writeFileSync(json, '');
  writeFileSync(copy, whole.replace(/"sequence":\d+/, '"sequence":1'));
  const stopped = await command(['run', '--once'], { cwd, env });
  expect(stopped).toMatchObject({ code: 74, stdout: '' });
  expect(failure(stopped)).toMatchObject({
    code: 'STATE_CORRUPT',
    msg: expect.stringContaining('live.json'),
    cure: expect.stringContaining('backup'),
  });
});

it('77: without a credential, with the ways to give one; nothing is simulated into a real sink', async () => {
  const ended = await command(['run', '--once']);
  expect(ended).toMatchObject({ code: 77, stdout: '' });
  expect(failure(ended)).toMatchObject({
    code: 'CREDENTIAL_MISSING',
    cure: expect.stringMatching(/JUMPCLOUD_API_KEY_FILE.*jumpcloud-ocsf demo/),
  });
});

it('77: a wrong key, which no message holds', async () => {
  const { baseUrl } = await tenant();
  const wrong = `jca_${'w'.repeat(36)}`;
  const ended = await command(['run', '--once'], { env: feedOf({ baseUrl, apiKey: wrong }) });
  expect(ended).toMatchObject({ code: 77, stdout: '' });
  expect(failure(ended)).toMatchObject({ code: 'CREDENTIAL_REFUSED', cure: expect.stringMatching(/\w{4}/) });
  expect(ended.stderr).not.toContain(wrong);
});

it("78: another organization's key stops the feed and delivers nothing", async () => {
  const one = await tenant({ organization: '5f1e00000000000000000001' });
  const cwd = folder();
  await callVerb(['run', '--once'], { cwd, env: feedOf(one) });
  const { port } = one;
  await one.close();
  // Records of the last minutes: the next poll meets them.
  const other = await tenant({ organization: '5f1e00000000000000000002', seed: 24, port, from: Date.now() - 600_000 });
  const ended = await command(['run', '--once'], { cwd, env: feedOf(other) });
  expect(ended).toMatchObject({ code: 78, stdout: '' });
  expect(failure(ended)).toMatchObject({ code: 'ORGANIZATION_CHANGED', cure: expect.stringMatching(/\w{4}/) });
  expect(await compareTables(join(cwd, 'tables'), one)).toMatchObject({ equal: true, delivered: 120 });
});

const key = { JUMPCLOUD_API_KEY: `jca_${'k'.repeat(36)}` };
it.each([
  [
    'a console host as base URL',
    { JUMPCLOUD_BASE_URL: 'https://console.jumpcloud.com', ...key },
    '',
    /https:\/\/api\.jumpcloud\.com\/insights\/directory\/v1/,
  ],
  [
    'a base URL without its path',
    { JUMPCLOUD_BASE_URL: 'https://api.jumpcloud.com', ...key },
    '',
    /\/insights\/directory\/v1/,
  ],
  ['plain http', { JUMPCLOUD_BASE_URL: 'http://api.jumpcloud.com/insights/directory/v1', ...key }, '', /https/],
  ['an unknown key of the file', {}, 'jumpcloud:\n  apikey: x\n', /config\.yaml:2: .*did you mean jumpcloud\.apiKey/],
  ['a value of the wrong type', {}, 'poll:\n  pageSize: many\n', /config\.yaml:2: .*poll\.pageSize/],
  ['a file that is no YAML', {}, 'poll: [1,\n', /config\.yaml/],
  ['an unknown variable', { JUMPCLOUD_APIKEY: 'x' }, '', /JUMPCLOUD_APIKEY.*did you mean JUMPCLOUD_API_KEY/],
  [
    'a secret given twice',
    { ...key, JUMPCLOUD_API_KEY_FILE: 'key' },
    '',
    /JUMPCLOUD_API_KEY and JUMPCLOUD_API_KEY_FILE are both set/,
  ],
  ['a secret file that is missing', { JUMPCLOUD_API_KEY_FILE: 'nowhere' }, '', /nowhere/],
  ['a configuration that is missing', { CONFIG_FILE: 'nowhere.yaml' }, '', /nowhere\.yaml/],
])('F-29: 78: %s is refused with its place and the cure', async (_, env, yaml, message) => {
  const cwd = folder();
  writeFileSync(join(cwd, 'config.yaml'), yaml);
  const ended = await command(['run', '--once'], { cwd, env: { CONFIG_FILE: 'config.yaml', ...env } });
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr).toContain('→');
  expect(ended).toMatchObject({ code: 78, stdout: '' });
  expect(ended.stderr).not.toContain(key.JUMPCLOUD_API_KEY);
});

it('79: reconcile ends with 0 where everything is delivered, and with 79 where a table file was taken away', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const env = feedOf(simulated);
  await callVerb(['run', '--once'], { cwd, env });
  const second = Math.floor(Date.now() / 1000) * 1000;
  const [from, to] = [second - 13 * 3_600_000, second - 3_600_000];
  const args = ['reconcile', '--from', new Date(from).toISOString(), '--to', new Date(to).toISOString()];
  const equal = await command(args, { cwd, env });
  expect(equal.code, equal.stderr).toBe(0);
  const delivered = equal.stdout
    .split('\n')
    .flatMap((line) => (/^(\d{4}-|total)/.test(line) ? [line.split(/ +/)] : []));
  const total = delivered.pop()!;
  expect(total[0]).toBe('total');
  expect(Number(total[2])).toBe(delivered.reduce((sum, row) => sum + Number(row[3]), 0));
  // How many of a tenant's records lie in the last hour depends on the hour.
  const within = [...simulated.ledger.entries()]
    .map(({ instant }) => Date.parse(instant))
    .filter((at) => at >= from && at < to);
  expect(within.length).toBeGreaterThan(0);
  expect(Number(total[2])).toBe(within.length);
  const files = readdirSync(join(cwd, 'tables', 'authentication'), { recursive: true, encoding: 'utf8' }).sort();
  rmSync(join(cwd, 'tables', 'authentication', files.find((name) => name.endsWith('.parquet'))!));
  const gap = await command(args, { cwd, env });
  expect(gap.code, gap.stderr).toBe(79);
});
