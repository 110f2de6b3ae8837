import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { SECRET_MARK } from '../../fixtures/tenant/directory/seeded.js';
import { callVerb } from '../commands/call-verb.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { command, feedOf, folder, tenant } from './command.js';

const small = { users: 40, groups: 4, memberships: 60, administrators: 4, applications: 3 };

it('inventory delivers a directory into tables, whose views show it now and as it was, and knows it again without its files', async () => {
  const simulated = await tenant({ records: 10, directory: small });
  const { directory } = simulated;
  const cwd = folder();
  const env = feedOf(simulated, { INVENTORY_DIRECTORY: 'inventory', INVENTORY_REQUESTS_PER_SECOND: '1000' });
  const run = (...args: string[]) => callVerb(['inventory', ...args], { cwd, env });
  expect(await run('status')).toMatchObject({ code: 0 });
  expect(await run('run', '--dry-run')).toMatchObject({ code: 0 });
  expect(await run('run')).toMatchObject({ code: 0 });
  const user = directory.ids('users')[7] as string;
  const [group = ''] = directory.groupsOf(user);
  directory.change('users', user, { department: 'Elsewhere' });
  directory.removeMember(group, user);
  expect(await run('run')).toMatchObject({ code: 0 });
  rmSync(join(cwd, 'inventory'), { recursive: true });
  const again = JSON.parse((await run('run', '--json')).stdout) as { stages: { changed: number; gone: number }[] };
  expect(again.stages.every(({ changed }) => changed === 0)).toBe(true);
  expect(await run('run')).toMatchObject({ code: 0 });
  const tables = join(cwd, 'tables');
  const count = async (sql: string) => Number((await rowsOf(tables, `SELECT count(*) FROM ${sql}`))[0]?.[0]);
  expect(await count('users')).toBe(40);
  expect(await count(`users WHERE id = '${user}' AND department = 'Elsewhere'`)).toBe(1);
  expect(await count(`users_history WHERE id = '${user}'`)).toBe(2);
  expect(await count(`users_history WHERE id = '${user}' AND valid_to IS NULL`)).toBe(1);
  expect(await count('memberships')).toBe(directory.ids('groups').flatMap((id) => [...directory.members(id)]).length);
  expect(
    await count(`memberships_history WHERE from_id = '${group}' AND to_id = '${user}' AND valid_to IS NOT NULL`),
  ).toBe(1);
  const edges = `entities WHERE type IN ('membership', 'assignment', 'role_holder') AND NOT deleted`;
  const ends = `split_part(key, '/', 2) = (value->>'$.from.id') AND split_part(key, '/', -1) = (value->>'$.to.id')`;
  expect(await count(`${edges} AND ${ends}`)).toBe(await count(edges));
  const [plan = []] = await rowsOf(tables, `EXPLAIN SELECT * FROM memberships WHERE from_id = '${group}'`);
  const steps = plan.map(String).join();
  expect(steps.indexOf(group), 'who is in a group is found before the newest of each key').toBeGreaterThan(
    steps.indexOf('WINDOW'),
  );
  expect(steps).toContain('WINDOW');
  expect(await count('administrators WHERE NOT mfa')).toBeGreaterThan(0);
  for (const view of ['groups', 'applications', 'roles', 'assignments', 'role_holders', 'people'])
    expect(await count(view), view).toBeGreaterThan(0);
  expect(await count('events')).toBe(0);
  expect(await count('user_inventory')).toBe(40 + 4 + 1);
});

it('inventory exits 75 where a stage is incomplete and 79 while removals are held, and confirm-removals releases these', async () => {
  const simulated = await tenant({ records: 10, directory: small });
  const cwd = folder();
  const env = feedOf(simulated, { INVENTORY_DIRECTORY: 'inventory', INVENTORY_REQUESTS_PER_SECOND: '1000' });
  const run = (...args: string[]) => command(['inventory', ...args], { cwd, env });
  const prepare = () => callVerb(['inventory', 'run'], { cwd, env });
  expect(await prepare()).toMatchObject({ code: 0 });
  const path = '/api/applications';
  simulated.script([{ when: { route: 'console', path }, effect: { kind: 'html', status: 404 } }]);
  expect(await run('run')).toMatchObject({ code: 75, stdout: expect.stringContaining('incomplete: ') });
  simulated.clearScript();
  for (const user of simulated.directory.ids('users').slice(0, 30)) simulated.directory.remove('users', user);
  expect(await prepare()).toMatchObject({ code: 0 });
  expect(await run('run')).toMatchObject({ code: 79, stdout: expect.stringContaining('--generation 4') });
  expect(await run('status')).toMatchObject({ code: 79 });
  expect(await run('confirm-removals', '--generation', '3')).toMatchObject({ code: 2 });
  expect(await run('confirm-removals', '--generation', '4')).toMatchObject({ code: 0 });
  expect(await run('status')).toMatchObject({ code: 0, stdout: expect.stringMatching(/users\s+10 known/) });
});

it('inventory leaves no planted secret in any value of the tables, in any other file, or in what it says (I12)', async () => {
  const simulated = await tenant({ records: 10, directory: small });
  simulated.directoryQuirks.fieldsIgnored = true;
  const cwd = folder();
  const env = feedOf(simulated, { INVENTORY_DIRECTORY: 'inventory', INVENTORY_REQUESTS_PER_SECOND: '1000' });
  const { code, stdout, stderr } = await command(['inventory', 'run'], { cwd, env });
  expect(code, stderr).toBe(0);
  const [user = ''] = simulated.directory.ids('users');
  const name = String(simulated.directory.get('users', user)?.username);
  expect(await filesWith(cwd, name), 'the search finds what is there').toContainEqual(
    expect.stringMatching(/entities.*parquet$/),
  );
  expect(await filesWith(cwd, SECRET_MARK)).toEqual([]);
  expect(stdout + stderr).not.toContain(SECRET_MARK);
});

/** Files that hold the text: Parquet files in any value, which is compressed in them, others in their bytes. */
async function filesWith(directory: string, text: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const found: string[] = [];
  for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, file);
    if (!statSync(path).isFile()) continue;
    let holds = readFileSync(path).includes(text);
    if (!holds && path.endsWith('.parquet')) {
      const sql = `SELECT 1 FROM read_parquet('${path}') AS t WHERE contains(t::VARCHAR, '${text}') LIMIT 1`;
      holds = (await connection.runAndReadAll(sql)).currentRowCount > 0;
    }
    if (holds) found.push(file);
  }
  connection.closeSync();
  instance.closeSync();
  return found;
}
