import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { settableClock } from '../../fixtures/tenant/clock.js';
import { redactedText } from '../../fixtures/tenant/control.js';
import type { Comparison, Ledger } from '../../fixtures/tenant/ledger.js';
import { command, feedOf, folder, jsonLines, start, tenant } from '../cli/command.js';
import { rowsOf } from '../sinks/tables/read-tables.js';

const HOUR = 3_600_000;

/** What the tables hold of JumpCloud's records; the collector's own warnings are left aside. */
async function delivered(directory: string): Promise<string[]> {
  const sql = 'SELECT raw_data FROM events WHERE raw_data IS NOT NULL UNION ALL SELECT raw FROM dead_letters';
  return (await rowsOf(directory, sql)).map(([text]) => String(text));
}

const compare = async (directory: string, ledger: Ledger): Promise<Comparison> =>
  ledger.compare(await delivered(directory), { kept: redactedText, examples: 3 });

/** Replaces a file as an operator's tool does. */
function swap(file: string, key: string): void {
  writeFileSync(`${file}.new`, key, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 120_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`It did not come to be that ${what}`);
    await sleep(50);
  }
}

it('F-13: the key is replaced under load: no restart, one loud line, at most a request a minute, no gap, no repeat', {
  timeout: 300_000,
}, async () => {
  const clock = settableClock(Date.now(), 1);
  // Three records a second come to be while the collector runs. Each poll reads again what lies within the overlap, page by page.
  const simulated = await tenant({
    now: clock.now,
    records: 2_400,
    from: clock.now() - HOUR / 6,
    to: clock.now() + HOUR / 20,
    trouble: { ties: 0.05, repeated: { share: 0.02 } },
  });
  const cwd = folder();
  const file = join(cwd, 'key');
  writeFileSync(file, simulated.apiKey, { mode: 0o600 });
  const { JUMPCLOUD_API_KEY: _, ...feed } = feedOf(simulated, {
    JUMPCLOUD_API_KEY_FILE: 'key',
    POLL_INTERVAL: '1s',
    POLL_START: '1h',
    POLL_PAGE_SIZE: '50',
    RECONCILE_ENABLED: 'false',
    HTTP_ENABLED: 'true',
    HTTP_PORT: '0',
  });
  const running = start(['run'], { cwd, env: feed });
  await running.said(/status on (http:\S+?)"/);
  const [, address] = /status on (http:\S+?)"/.exec(running.stderr()) ?? [];
  const ready = async () => (await fetch(`${address}/readyz`)).status;
  await until(async () => (await ready()) === 200, 'the feed is ready');

  const { pid } = running.child;
  const fresh = simulated.issueKey();
  await until(async () => (await ready()) === 503, 'the feed is not ready any more');
  const reasons = (await (await fetch(`${address}/readyz`)).json()) as { reasons: { message: string; cure: string }[] };
  expect(reasons.reasons[0]).toMatchObject({ message: expect.stringContaining('revoked or has expired') });
  const asked = simulated.count('events');
  await sleep(6_000);
  expect(simulated.count('events') - asked).toBeLessThanOrEqual(2);

  const swapped = Date.now();
  const before = simulated.requests.length;
  swap(file, fresh.key);
  await until(
    () => simulated.requests.slice(before).some(({ route, status }) => route === 'events' && status === 200),
    'JumpCloud is asked with the new key',
  );
  const recovery = Date.now() - swapped;
  console.log(`recovered ${recovery} ms after the new key was in place`);
  await until(async () => (await ready()) === 200, 'the feed is ready again');
  await sleep(3_000);
  expect(running.child.pid).toBe(pid);
  expect(running.child.exitCode).toBeNull();
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  expect(code).toBe(0);
  expect(stderr).toContain('another key is in use');
  expect(jsonLines(stderr).filter(({ level }) => level === 'error')).toHaveLength(1);
  expect(stderr).not.toContain(fresh.key);

  clock.speed(0);
  expect((await command(['run', '--once'], { cwd, env: feed })).code).toBe(0);
  const { expected, missing, repeated, unknown } = await compare(join(cwd, 'tables'), simulated.ledger);
  console.log(`${expected} records expected, ${missing} missing, ${repeated} repeated`);
  expect({ missing, repeated, unknown }).toEqual({ missing: 0, repeated: 0, unknown: 0 });
  expect(expected).toBeGreaterThan(1_000);
});

it('a key of another organization in the file stops the feed with 78, and nothing of that organization is delivered', {
  timeout: 120_000,
}, async () => {
  const recent = { from: Date.now() - HOUR, to: Date.now() + HOUR, records: 2_000 };
  const simulated = await tenant({ ...recent, organizations: [recent], keys: [] });
  const [own, foreign] = simulated.organizations.map(
    (id, index) => simulated.issueKey({ email: `admin${index}@example.test`, organizations: [id] }).key,
  ) as [string, string];
  const cwd = folder();
  const file = join(cwd, 'key');
  writeFileSync(file, own, { mode: 0o600 });
  const { JUMPCLOUD_API_KEY: _, ...env } = feedOf(simulated, {
    JUMPCLOUD_API_KEY_FILE: 'key',
    POLL_INTERVAL: '1s',
    POLL_START: '2h',
    RECONCILE_ENABLED: 'false',
  });
  const running = start(['run'], { cwd, env });
  await until(() => simulated.requests.some(({ status }) => status === 200), 'the feed collects');
  await until(() => simulated.count('events') > 4, 'the feed polls again');
  swap(file, foreign);
  const { code, stderr } = await running.ended;
  expect(code).toBe(78);
  expect(jsonLines(stderr).findLast(({ level }) => level === 'error')).toMatchObject({ code: 'ORGANIZATION_CHANGED' });
  const texts = await delivered(join(cwd, 'tables'));
  expect(texts.length).toBeGreaterThan(100);
  const other = simulated.organizations[1] as string;
  expect(texts.filter((text) => text.includes(other))).toEqual([]);
  const checked = await command(['check', '--json'], { cwd, env });
  expect(checked.code).toBe(78);
  swap(file, own);
  expect((await command(['run', '--once'], { cwd, env })).code).toBe(0);
});
