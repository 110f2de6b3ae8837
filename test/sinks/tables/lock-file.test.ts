import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { loadDuckDB } from '../../../collector/sinks/tables/load-duckdb.js';
import { takeLock } from '../../../collector/sinks/tables/lock-file.js';

const library = createRequire(import.meta.url).resolve('@duckdb/node-api');
const attempt = `const { DuckDBInstance } = require(process.argv[1]);
DuckDBInstance.create(process.argv[2]).then(() => process.exit(0), (e) => process.exit(/Conflicting lock/.test(e.message) ? 73 : 1));`;

/** Whether another process is kept from the lock. */
function isHeld(lock: string): boolean {
  const { status, stderr } = spawnSync(process.execPath, ['-e', attempt, library, join(lock, 'lock')], {
    encoding: 'utf8',
  });
  if (status !== 0 && status !== 73) throw new Error(`no lock was tried: ${stderr}`);
  return status === 73;
}

/** Where the lock of a name lies; the folder goes, and DuckDB is itself again, when the test ends. */
async function lockDirectories(): Promise<(name: string) => string> {
  const directory = await mkdtemp(join(tmpdir(), 'lock-file-'));
  onTestFinished(async () => {
    vi.restoreAllMocks();
    await rm(directory, { recursive: true, force: true });
  });
  return (name) => join(directory, `${name}.held`);
}

it('Locks stay held where a defect breaks the DuckDB that holds them, are freed one by one, and others can be taken', async () => {
  const of = await lockDirectories();
  const take = (name: string) => takeLock(of(name), name);
  const { prototype } = loadDuckDB().DuckDBConnection;
  const { run } = prototype;
  const broken = new WeakSet<object>();
  let breaksNext = false;
  vi.spyOn(prototype, 'run').mockImplementation(async function (this: typeof prototype, sql, values) {
    if (breaksNext) broken.add(this);
    breaksNext = false;
    if (broken.has(this)) throw new Error('FATAL Error: Failed: database has been invalidated');
    return run.call(this, sql, values);
  });
  const [freeAcme, freeOther] = [await take('acme'), await take('other')];
  breaksNext = true;
  const freeThird = await take('third');
  const held = () => ['acme', 'other', 'third'].filter((name) => isHeld(of(name)));
  expect(held()).toEqual(['acme', 'other', 'third']);
  await expect(take('acme')).rejects.toMatchObject({ code: 'LANE_IN_USE' });
  await freeAcme();
  expect(held()).toEqual(['other', 'third']);

  // The broken one has that file open for ever: it must not free the lock that the next one holds now.
  const freeAcmeAgain = await take('acme');
  await freeOther();
  expect(held()).toEqual(['acme', 'third']);
  breaksNext = true;
  await freeThird();
  expect(held()).toEqual(['acme']);
  const freeOtherAgain = await take('other');
  await freeAcmeAgain();
  expect(held()).toEqual(['other']);
  await freeOtherAgain();
  expect(held()).toEqual([]);
});

it('A file that breaks every DuckDB is refused, and harms no lock that is held', async () => {
  const of = await lockDirectories();
  await (await takeLock(of('odd'), 'odd'))();
  const free = await takeLock(of('acme'), 'acme');
  const { prototype } = loadDuckDB().DuckDBConnection;
  const { run } = prototype;
  const opened = vi.spyOn(loadDuckDB().DuckDBInstance, 'create');
  vi.spyOn(prototype, 'run').mockImplementation(async function (this: typeof prototype, sql, values) {
    if (sql.toString().includes('odd.held')) throw new Error('INTERNAL Error: a defect');
    return run.call(this, sql, values);
  });
  for (const _ of [1, 2, 3]) await expect(takeLock(of('odd'), 'odd')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  expect(isHeld(of('acme'))).toBe(true);
  await free();
  expect(isHeld(of('acme'))).toBe(false);
  await (await takeLock(of('other'), 'other'))();
  // Those that the file breaks hold nothing, and are closed.
  expect(opened.mock.calls.length).toBeLessThanOrEqual(7);
});
