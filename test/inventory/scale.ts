/**
 * An inventory of a large directory, measured: `npm run scale [-- USERS GROUPS MEMBERSHIPS]` (100,000, 5,000 and 4,000,000
 * unless named). Runs the built command on a tenant in a process of its own, into tables; then changes a thousandth and
 * runs again, twice, because a removal needs two readings. Fails where more memory was taken than 256 MiB, or where
 * anything but the changes was delivered.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Marker } from '../../collector/inventory/position.js';
import { packageRoot } from '../../fixtures/records.js';
import { spawnTenant } from '../../fixtures/tenant/process.js';

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
} finally {
  await tenant.close();
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
