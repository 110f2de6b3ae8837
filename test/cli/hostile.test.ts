import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import type { JsonObject } from '../../mappings/json.js';
import { callVerb } from '../commands/call-verb.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { command, compareTables, feedOf, folder, start, tenant } from './command.js';

const DAY = 86_400_000;
const MIB = 1_048_576;

/** Path and SHA-256 of each file of a directory. */
function bytesOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  return Object.fromEntries(
    files.map(({ parentPath, name }) => join(parentPath, name)).map((path) => [path, digest(path)]),
  );
}

/** A login of a minute ago, after those of the tenant's story. */
const login = (id: string, more: JsonObject = {}): JsonObject => ({
  id,
  service: 'directory',
  event_type: 'user_login_attempt',
  timestamp: new Date(Date.now() - 60_000).toISOString(),
  success: false,
  ...more,
});

/** Runs a feed once into tables, and gives what is in them. */
async function collected(simulated: Tenant): Promise<{ events: number; letters: { id: string; size: number }[] }> {
  const cwd = folder();
  const ran = await command(['run', '--once'], { cwd, env: feedOf(simulated) });
  expect(ran.code, ran.stderr).toBe(0);
  const tables = join(cwd, 'tables');
  const [[events] = []] = await rowsOf(tables, 'SELECT count(*) FROM events WHERE raw_data IS NOT NULL');
  const letters = await rowsOf(tables, 'SELECT record_id, raw_size::INT FROM dead_letters ORDER BY raw_size');
  return { events: Number(events), letters: letters.map(([id, size]) => ({ id: String(id), size: Number(size) })) };
}

it('no statement given to query changes, makes or removes a file', async () => {
  const simulated = await tenant({ records: 40 });
  const cwd = folder();
  await callVerb(['run', '--once'], { cwd, env: feedOf(simulated) });
  const tables = join(cwd, 'tables');
  const before = bytesOf(tables);
  const own = Object.keys(before);
  const state = own.find((path) => path.includes('.state') && path.endsWith('live.json'))!;
  const parquet = own.find((path) => path.endsWith('.parquet'))!;
  const statements = [
    `explain analyze copy (select 1 a, 'x' b) to '${tables}/authentication' (format csv, partition_by (b), overwrite true)`,
    `explain analyze copy (select 'gone') to '${state}' (format csv)`,
    `explain analyze copy (select * replace ('cleared' as message) from read_parquet('${parquet}')) to '${parquet}' (format parquet)`,
    `export database '${tables}/exported'`,
    `select * from read_text('${state}')`,
    `select * from glob('${tables}/.state/**')`,
  ];
  for (const sql of statements) {
    const { code, stdout } = await command(['query', sql, '--tables-directory', tables]);
    expect([sql, code, stdout]).toEqual([sql, 2, '']);
  }
  expect(bytesOf(tables)).toEqual(before);
  expect(readdirSync(tables)).not.toContain('exported');
});

it('a Date ten days ahead for some polls costs no record that becomes visible late', async () => {
  const simulated = await tenant({ records: 40, to: Date.now() - 120_000 });
  const cwd = folder();
  const env = feedOf(simulated, { POLL_INTERVAL: '1s', LOG_LEVEL: 'debug', RECONCILE_ENABLED: 'false' });
  const running = start(['run'], { cwd, env });
  await running.said('caught up; next poll');
  const polls = async (more: number) => {
    const end = simulated.count('events') + more;
    await running.until(() => simulated.count('events') >= end);
  };
  for (const route of ['events', 'count'] as const)
    simulated.script([{ when: { route }, effect: { kind: 'date', skew: 10 * DAY } }]);
  await polls(6);
  simulated.clearScript();
  await polls(2);
  for (let index = 0; index < 20; index += 1) simulated.add(login(`late-${index}`));
  await polls(4);
  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(0);
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ missing: 0, repeated: 0 });
});

it('a record that a careless pattern would take minutes for is one dead letter among its neighbours', async () => {
  const simulated = await tenant({ records: 20 });
  const text = 'pin'.repeat(600_000);
  simulated.add(login('slow', { timestamp: 'yesterday', initiated_by: { username: text } }));
  const { events, letters } = await collected(simulated);
  expect(events).toBe(20);
  expect(letters).toMatchObject([{ id: 'slow', size: expect.any(Number) }]);
});

it('tables in a directory that is named like a pattern are that directory’s alone', async () => {
  const cwd = folder();
  for (const [name, records] of [
    ['x1', 7],
    ['[x]?', 20],
    ['*', 30],
  ] as const) {
    const ran = await callVerb(['run', '--once'], {
      cwd,
      env: feedOf(await tenant({ records }), { TABLES_DIRECTORY: name }),
    });
    expect(ran.code, ran.stderr).toBe(0);
  }
  const counted = async (name: string) => {
    const sql = 'SELECT count(*)::INT AS events FROM events WHERE raw_data IS NOT NULL';
    return (await command(['query', sql, '--tables-directory', name, '--format', 'ndjson'], { cwd })).stdout.trim();
  };
  expect(await counted('[x]?')).toBe('{"events":20}');
  expect(await counted('*')).toBe('{"events":30}');
  const checked = await command(['tables', 'check', '--tables-directory', '*'], { cwd });
  expect(checked.code, checked.stdout + checked.stderr).toBe(0);
});

it('records of 12 and of 40 MiB are dead letters, each alone, and their neighbours events', async () => {
  const simulated = await tenant({ records: 20 });
  for (const size of [12, 40]) simulated.add(login(`of-${size}`, { user_agent: 'a '.repeat((size * MIB) / 2) }));
  const { events, letters } = await collected(simulated);
  expect(events).toBe(20);
  expect(letters.map(({ id }) => id)).toEqual(['of-12', 'of-40']);
  expect(letters.map(({ size }) => Math.floor(size / MIB))).toEqual([12, 40]);
});
