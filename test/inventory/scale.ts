/**
 * An inventory of a large directory, measured: `npm run scale [-- USERS GROUPS MEMBERSHIPS]` (100,000, 5,000 and 4,000,000
 * unless named). Runs the built command on a tenant in a process of its own, into tables; then changes a thousandth and
 * runs again, twice, because a removal needs two readings. Then polls with and without a concurrent inventory (S4), and
 * asks who is in a group (S6). Fails where more memory was taken than 256 MiB, where anything but the changes was delivered,
 * where polls lag twice as much with an inventory, or where the answer takes more than two seconds. One group of all:
 * `-- 100000 1 100000` (S3).
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Marker } from '../../collector/inventory/position.js';
import { packageRoot } from '../../fixtures/records.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';
import { freePort } from '../free-port.js';

const [users = 100_000, groups = 5_000, memberships = 4_000_000] = process.argv.slice(2).map(Number);
const MOST_MEMORY = 256 * 1024 * 1024;
const root = mkdtempSync(join(tmpdir(), 'inventory-scale-'));
const applications = Math.min(300, Math.max(8, Math.round(users / 333)));
const directory = { users, groups, memberships, applications, administrators: 50 };
const tenant = await spawnTenant({ seed: 3, records: 100, directory });
const env = {
  ...process.env,
  JUMPCLOUD_BASE_URL: tenant.baseUrl,
  JUMPCLOUD_API_KEY: tenant.apiKey,
  JUMPCLOUD_AUTHORIZATION: 'x-api-key',
  SINK: 'tables',
  TABLES_DIRECTORY: join(root, 'tables'),
  INVENTORY_DIRECTORY: join(root, 'inventory'),
  INVENTORY_REQUESTS_PER_SECOND: '1000',
  FEED_NAME: 'acme',
};
let failed = false;

interface Measured {
  readonly marker: Marker;
  readonly seconds: number;
  /** Most resident bytes, sampled twice a second. */
  readonly memory: number;
}

async function runOnce(): Promise<Measured> {
  const started = performance.now();
  const cli = join(packageRoot(), 'dist', 'collector', 'cli.js');
  const child = spawn(process.execPath, [cli, 'inventory', 'run', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let memory = 0;
  const sampling = setInterval(() => {
    memory = Math.max(memory, residentBytes(child.pid as number));
  }, 500);
  const out: Buffer[] = [];
  const log: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => log.push(chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(sampling);
  if (code !== 0) throw new Error(`inventory run ended with ${code}: ${Buffer.concat(log)}`);
  const marker = JSON.parse(Buffer.concat(out).toString()) as Marker;
  return { marker, memory, seconds: (performance.now() - started) / 1000 };
}

function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    // It has ended.
    return 0;
  }
}

function report(name: string, { marker, memory, seconds }: Measured, requests: number): void {
  const stages = marker.stages.map(({ stage, count, changed, gone }) => `${stage} ${count} (+${changed} -${gone})`);
  const mebibytes = Math.round(memory / 1024 / 1024);
  console.log(`${name}: ${seconds.toFixed(0)} s, ${requests} requests, at most ${mebibytes} MiB; ${stages.join(', ')}`);
  if (memory > MOST_MEMORY) fail(`${name} took ${mebibytes} MiB`);
}

function expectChanges({ marker }: Measured, expected: Readonly<Record<string, readonly [number, number]>>): void {
  for (const { stage, changed, gone } of marker.stages) {
    const [upserts, removals] = expected[stage] ?? [0, 0];
    if (changed !== upserts || gone !== removals)
      fail(`${stage}: ${changed} changed and ${gone} gone, not ${upserts} and ${removals}`);
  }
}

/** The lag of polls in seconds that 99 of 100 samples stay below, of a feed that runs for a minute, or until its inventory is whole. */
async function lagOfPolls(interval: string): Promise<number> {
  const port = await freePort();
  const cli = join(packageRoot(), 'dist', 'collector', 'cli.js');
  const more = {
    HTTP_PORT: String(port),
    HTTP_TOKEN: 'token-of-the-listener',
    POLL_INTERVAL: '1s',
    POLL_START: '1h',
    RECONCILE_ENABLED: 'false',
    TABLES_DIRECTORY: join(root, `tables-${interval}`),
    INVENTORY_DIRECTORY: join(root, `inventory-${interval}`),
    INVENTORY_INTERVAL: interval,
  };
  const child = spawn(process.execPath, [cli, 'run'], { env: { ...env, ...more }, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const headers = { authorization: `Bearer ${more.HTTP_TOKEN}` };
  const lags: number[] = [];
  const least = performance.now() + 60_000;
  for (let whole = false; !whole || performance.now() < least; ) {
    await sleep(200);
    if (child.exitCode !== null) throw new Error(`run ended with ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers }).catch(() => undefined);
    const text = (await answer?.text()) ?? '';
    const lag = /^jumpcloud_ocsf_lag_seconds{[^}]*lane="live"[^}]*} (\S+)/m.exec(text)?.[1];
    // Before it has caught up with the first hour it says nothing of polls.
    if (lag !== undefined && (lags.length > 0 || Number(lag) < 60)) lags.push(Number(lag));
    whole = interval === 'DISABLED' || text.includes('stage="assignments"} ');
  }
  child.kill('SIGTERM');
  await ended;
  lags.sort((a, b) => a - b);
  return lags[Math.floor(lags.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}

/** Seconds that a question takes, its processes included. */
function secondsOfQuestion(sql: string): number {
  const cli = join(packageRoot(), 'dist', 'collector', 'cli.js');
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [cli, 'query', sql], { env });
  if (status !== 0) fail(`query ended with ${status}: ${stderr}`);
  return (performance.now() - started) / 1000;
}

function fail(why: string): void {
  failed = true;
  console.error(`FAILED: ${why}`);
}

async function requestsSince(before: number): Promise<[number, number]> {
  const { console: count } = await tenant.order('counts', null);
  return [count - before, count];
}

try {
  const order = (operation: 'change' | 'addMember' | 'removeMember' | 'ids' | 'membersOf', ...given: unknown[]) =>
    tenant.order('directory', { operation, arguments: given as never });
  const first = await runOnce();
  let [requests, total] = await requestsSince(0);
  report('first run', first, requests);
  const userIds = (await order('ids', 'users')) as string[];
  const groupIds = (await order('ids', 'groups')) as string[];
  const changedUsers = Math.round(users / 1000);
  for (let i = 0; i < changedUsers; i++) await order('change', 'users', userIds[i * 7], { department: 'Moved' });
  const half = Math.round(memberships / 2000);
  let added = 0;
  let removed = 0;
  for (let i = 0; added < half || removed < half; i++) {
    const group = groupIds[i % groupIds.length];
    const user = userIds[(i * 31) % userIds.length];
    if (added < half && (await order('addMember', group, user)) === 'done') added++;
    const [member] = removed < half ? ((await order('membersOf', group, 1 + (i % 3))) as string[]) : [];
    if (member !== undefined && (await order('removeMember', group, member)) === 'done') removed++;
  }
  const second = await runOnce();
  [requests, total] = await requestsSince(total);
  report('second run', second, requests);
  expectChanges(second, { users: [changedUsers, 0], memberships: [added, 0] });
  const third = await runOnce();
  [requests, total] = await requestsSince(total);
  report('third run', third, requests);
  expectChanges(third, { memberships: [0, removed] });
  const nothing = secondsOfQuestion('SELECT 1');
  const members = `SELECT count(*) FROM memberships WHERE from_id = '${groupIds[0]}'`;
  const asked = secondsOfQuestion(members) - nothing;
  console.log(`who is in a group: ${asked.toFixed(1)} s more than a question about nothing`);
  if (asked > 2) fail(`who is in a group took ${asked.toFixed(1)} s`);
  const [alone, together] = [await lagOfPolls('DISABLED'), await lagOfPolls('1h')];
  console.log(`lag of polls, p99: ${alone.toFixed(1)} s alone, ${together.toFixed(1)} s with an inventory`);
  if (together > 2 * alone) fail('polls lag more than twice as much with an inventory');
} finally {
  await tenant.close();
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
