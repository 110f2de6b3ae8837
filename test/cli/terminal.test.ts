import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../free-port.js';
import { cli, command, feedOf, folder, tenant } from './command.js';
import { HOUR, plantGap, startFeed } from './repairing.js';

/** `script` of util-linux gives a child a terminal. */
function hasScript(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    process.stderr.write('SKIPPED: no util-linux script(1), which gives a child a terminal.\n');
    return false;
  }
}

const onTerminal = (line: string) => ({ program: ['script', '-qefc', line, '/dev/null'] });
const quoted = (text: string) => `'${text}'`;
const node = `${quoted(process.execPath)} ${quoted(cli)}`;

it('on a terminal the log is readable and coloured, NO_COLOR keeps it plain; elsewhere it is JSON', async ({
  skip,
}) => {
  if (!hasScript()) skip();
  const cwd = folder();
  const coloured = await command([], { cwd, ...onTerminal(`${node} run --once`) });
  expect(coloured.code).toBe(77);
  expect(coloured.stdout).toMatch(/ERROR/);
  expect(coloured.stdout).toContain('\u001b[');
  const plain = await command([], { cwd, env: { NO_COLOR: '1' }, ...onTerminal(`${node} run --once`) });
  expect(plain.stdout).toMatch(/ERROR.* Feed jumpcloud has no credential/);
  expect(plain.stdout).toContain('→ Set JUMPCLOUD_API_KEY');
  expect(plain.stdout).not.toContain('\u001b[');
  const piped = await command(['run', '--once'], { cwd });
  expect(JSON.parse(piped.stderr.trim().split('\n').at(-1)!)).toMatchObject({
    level: 'error',
    code: 'CREDENTIAL_MISSING',
  });
});

it('a backfill shows a bar on a terminal and none elsewhere, and keeps it off stdout', async ({ skip }) => {
  if (!hasScript()) skip();
  const now = Date.now();
  const simulated = await tenant({ from: now - 3 * 86_400_000, to: now, latency: 150 });
  const cwd = folder();
  const env = feedOf(simulated, { POLL_START: '1h', POLL_PAGE_SIZE: '20' });
  const range = `--from ${new Date(now - 3 * 86_400_000).toISOString()} --to ${new Date(now - 86_400_000).toISOString()}`;
  const shown = await command([], { cwd, env, ...onTerminal(`${node} backfill ${range} > out`) });
  expect(shown.code, shown.stdout).toBe(0);
  expect(shown.stdout).toMatch(/\[[#·]{20}\] +\d+ % \d+ of \d+ records, \d+\/s/);
  expect(readFileSync(join(cwd, 'out'), 'utf8')).toBe('');
  const other = await command(['backfill', ...range.split(' ')], { cwd, env: { ...env, TABLES_DIRECTORY: 'other' } });
  expect(other).toMatchObject({ code: 0, stdout: '' });
  expect(other.stderr).not.toMatch(/\[[#·]{20}\]/);
  expect(other.stderr).not.toContain('\u001b');
});

it('reconcile --repair shows on a terminal how far the running feed is, and keeps it off stdout', async ({ skip }) => {
  if (!hasScript()) skip();
  const simulated = await tenant();
  const cwd = folder();
  const env = feedOf(simulated, {
    HTTP_ENABLED: 'true',
    HTTP_PORT: String(await freePort()),
    POLL_INTERVAL: '1s',
    RECONCILE_ENABLED: 'false',
  });
  const feed = await startFeed(cwd, env);
  plantGap(simulated, 5, 10 * HOUR);
  const range = `--from ${new Date(Date.now() - 12 * HOUR).toISOString()} --to ${new Date(Date.now() - 8 * HOUR).toISOString()}`;
  const shown = await command([], { cwd, env, ...onTerminal(`${node} reconcile ${range} --repair > out`) });
  expect(shown.code, shown.stdout).toBe(0);
  expect(shown.stdout).toMatch(/\[[#·]{20}\] +\d+ % \d+ of \d+ minutes, \d+ records found/);
  expect(readFileSync(join(cwd, 'out'), 'utf8')).toMatch(/^hour .*equal: every record that JumpCloud shows is held/s);
  feed.running.child.kill('SIGTERM');
  expect(await feed.running.ended).toMatchObject({ code: 0 });
});

it('what a record holds steers no terminal: neither in the answer of a query nor in what it fails with', async ({
  skip,
}) => {
  if (!hasScript()) skip();
  const directory = folder();
  const sql = "SELECT chr(27) || ']0;x' || chr(7) || chr(155) || '31m' || chr(8238) AS a";
  const asked = (statement: string, format: string) =>
    command([], {
      cwd: directory,
      ...onTerminal(
        `${node} query ${quoted(statement.replaceAll("'", `'"'"'`))} --tables-directory . --format ${format}`,
      ),
    });
  for (const format of ['table', 'json', 'csv', 'csv-safe']) {
    const { code, stdout } = await asked(sql, format);
    expect(code, stdout).toBe(0);
    expect(stdout.replace(/[\r\n]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(stdout).toContain('\\u202e');
  }
  const failed = await asked(`SELECT CAST(a AS INT) FROM (${sql})`, 'table');
  expect(failed.code).not.toBe(0);
  expect(failed.stdout).toMatch(/Could not convert string .*\\u001b\]0;x/);
  expect(failed.stdout.replace(/[\r\n]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

it('Ctrl-C takes the line away that says how long a query works, and ends it by the signal', async ({ skip }) => {
  if (!hasScript()) skip();
  const cwd = folder();
  const sql = 'SELECT count(*) FROM range(1000000) a, range(1000000) b';
  const line = `${node} query ${quoted(sql)} --tables-directory . --timeout 1h`;
  const child = spawn('script', ['-qefc', line, '/dev/null'], { cwd, env: { PATH: process.env.PATH, HOME: cwd } });
  let shown = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      shown += chunk;
      if (/working for \d+ s of at most 3600 s; Ctrl-C ends it/.test(shown)) resolve();
    });
  });
  child.stdin.write('\u0003');
  expect(await ended).toBe(130);
  expect(shown.slice(shown.lastIndexOf('Ctrl-C ends it')).endsWith('\r\u001b[2K')).toBe(true);
});
