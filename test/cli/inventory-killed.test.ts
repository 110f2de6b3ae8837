import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { deliveredKeys, ledgerKeys } from '../inventory/inventory-under-test.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { command, feedOf, folder, tenant } from './command.js';

/** Ends the process at the n-th file that is put into its place (whatever is durable is renamed), in turn before and after it. */
const killer = `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const at = Number(process.env.KILLED_AT);
let renames = 0;
const { rename } = fs.promises;
fs.promises.rename = async (...paths) => {
  renames += 1;
  const isNow = renames === at;
  if (isNow && at % 2 === 0) process.kill(process.pid, 'SIGKILL');
  await rename(...paths);
  if (isNow) process.kill(process.pid, 'SIGKILL');
};
syncBuiltinESMExports();
`;

it('inventory run that is killed at one step after the other ends where the directory is, nothing twice and nothing missing (E1)', async () => {
  const size = { users: 40, groups: 4, memberships: 60, administrators: 4, applications: 3 };
  const simulated = await tenant({ records: 10, directory: size });
  const { directory } = simulated;
  const cwd = folder();
  const preload = join(cwd, 'killer.mjs');
  writeFileSync(preload, killer);
  const envOf = () => feedOf(simulated, { INVENTORY_DIRECTORY: 'inventory', INVENTORY_REQUESTS_PER_SECOND: '1000' });
  let killed = 0;
  const untilWhole = async () => {
    for (let at = 1; ; at += 3) {
      const env = { ...envOf(), KILLED_AT: String(at) };
      const ended = await command(['inventory', 'run'], { cwd, env, nodeFlags: ['--import', preload] });
      if (ended.signal !== 'SIGKILL') {
        expect(ended).toMatchObject({ code: 0 });
        return;
      }
      killed += 1;
    }
  };
  await untilWhole();
  const [gone = '', changed = ''] = directory.ids('users').slice(20);
  directory.remove('users', gone);
  directory.change('users', changed, { department: 'Elsewhere' });
  const [group = ''] = directory.ids('groups').slice(1);
  const [member = ''] = directory.members(group);
  directory.removeMember(group, member);
  await untilWhole();
  expect(await command(['inventory', 'run'], { cwd, env: envOf() })).toMatchObject({ code: 0 });
  expect(killed).toBeGreaterThan(5);

  const tables = join(cwd, 'tables');
  const present = await rowsOf(tables, 'SELECT type, key FROM entities GROUP BY ALL HAVING NOT arg_max(deleted, time)');
  const entities = present.map(([type, key]) => ({ type: String(type), key: String(key), value: '{}', observedAt: 0 }));
  expect(deliveredKeys(entities)).toEqual({ ...ledgerKeys(directory), account_edge: new Set() });
  const twice = (table: string, key: string) =>
    rowsOf(tables, `SELECT ${key} FROM ${table} GROUP BY ALL HAVING count(*) > 1`);
  expect(await twice('entities', 'type, key, time')).toEqual([]);
  for (const table of ['user_inventory', 'cloud_resources_inventory_info'])
    expect(await twice(table, 'metadata.uid AS uid'), table).toEqual([]);
  const [[users] = []] = await rowsOf(tables, 'SELECT count(*) FROM user_inventory');
  expect(Number(users)).toBe(40 + 4 + 2);
});
