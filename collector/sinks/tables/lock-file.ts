import { mkdtemp, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { errno, isMissing, makeDirectory, syncDirectory, syncFile } from '../../files/durable-file.js';
import { laneInUse, lockInProcess } from '../in-process-lock.js';
import { quoteText } from './columns.js';
import { duckdbFault, lockHolder, tablesFailed } from './error-table.js';
import { loadForTables } from './load-duckdb.js';

/** The database file in a lock's directory. */
const LOCK_FILE = 'lock';

/**
 * Takes a lock: a database file that holds nothing, but while it is attached the operating system keeps every other process
 * from opening it, and frees it at once when this process dies, however it dies. No other code of the process may open the
 * file: POSIX frees a lock when any descriptor of its file is closed.
 * @param lockDirectory of the lock's own; made if missing
 * @param holder for people: the lane, or what else is locked
 * @returns what frees it; called once
 * @throws CollectorError LANE_IN_USE where the lock is held, STORAGE_FAILED where the file cannot be made
 */
export async function takeLock(lockDirectory: string, holder: string): Promise<() => Promise<void>> {
  const parent = dirname(lockDirectory);
  await makeDirectory(parent);
  const held = join(await realpath(parent), basename(lockDirectory));
  const free = lockInProcess(held, holder);
  try {
    await makeLockFile(held);
    const detach = await attach(join(held, LOCK_FILE));
    return async () => {
      await detach();
      free();
    };
  } catch (error) {
    free();
    if (duckdbFault(error) === 'locked') throw laneInUse(holder, lockHolder(error));
    throw tablesFailed(error, parent);
  }
}

/**
 * All locks of the process are files attached to one DuckDB, of which each takes a twentieth of what a DuckDB of its own
 * does. It runs no other statement: none can harm it, nor keep a lock from being freed.
 */
let holding: Promise<DuckDBConnection> | undefined;
let attached = 0;

async function attach(file: string): Promise<() => Promise<void>> {
  holding ??= openHolding();
  const connection = await holding;
  const name = `lock_${attached++}`;
  await connection.run(`ATTACH ${quoteText(file)} AS ${name} (TYPE duckdb)`);
  return async () => void (await connection.run(`DETACH ${name}`));
}

async function openHolding(): Promise<DuckDBConnection> {
  try {
    const instance = await loadForTables().DuckDBInstance.create(':memory:', { threads: '1' });
    return await instance.connect();
  } catch (error) {
    holding = undefined;
    throw error;
  }
}

/**
 * Makes the database file whole in a directory of another name first: a process killed while making it must not leave half
 * of one. A directory does not take the place of one that holds a file, so of several processes one makes the lock; unlike
 * a hard link, every file system that is written to can rename a directory.
 */
async function makeLockFile(lockDirectory: string): Promise<void> {
  const directory = dirname(lockDirectory);
  try {
    await realpath(join(lockDirectory, LOCK_FILE));
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const staging = await mkdtemp(join(directory, '.lock-'));
  try {
    const made = join(staging, LOCK_FILE);
    await (await attach(made))();
    await syncFile(made);
    await rename(staging, lockDirectory);
    await syncDirectory(directory);
  } catch (error) {
    // Another process was faster: its file serves as well.
    if (!['ENOTEMPTY', 'EEXIST'].includes(errno(error) ?? '')) throw error;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
