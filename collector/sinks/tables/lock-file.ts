import { mkdtemp, open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { errno } from '../../errors.js';
import { isMissing, makeDirectory, syncDirectory, syncFile } from '../../files/durable-file.js';
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
 * A DuckDB to which lock files are attached: all of the process, of which each takes a twentieth of what a DuckDB of its own
 * does. It runs no other statement.
 */
interface Holder {
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  /** Files that are attached, or may be. */
  readonly attached: Set<string>;
}

let current: Promise<Holder> | undefined;
let attachments = 0;
/**
 * Holders that a defect has invalidated while files were attached to them. They are never closed, nor collected: that would
 * close those files, and free their locks, also those that another holder has by now.
 */
const invalidated = new Set<Holder>();

async function attach(file: string): Promise<() => Promise<void>> {
  for (let attempt = 1; ; attempt++) {
    current ??= openHolder();
    const opening = current;
    try {
      const detach = await attachTo(await opening, file);
      return () => detach().catch((error) => leave(opening, file, error));
    } catch (error) {
      await leave(opening, file, error);
      // The second holder is new: the file itself is what invalidates it.
      if (attempt === 2) throw error;
    }
  }
}

async function attachTo({ connection, attached }: Holder, file: string): Promise<() => Promise<void>> {
  const name = `lock_${attachments++}`;
  attached.add(file);
  try {
    await connection.run(`ATTACH ${quoteText(file)} AS ${name} (TYPE duckdb)`);
  } catch (error) {
    attached.delete(file);
    throw error;
  }
  return async () => {
    await connection.run(`DETACH ${name}`);
    attached.delete(file);
  };
}

/**
 * Has the next lock attached to another holder where a defect has invalidated this one, and frees the file's lock. The other
 * locks in it stay held.
 * @throws the error where it is another
 */
async function leave(opening: Promise<Holder>, file: string, error: unknown): Promise<void> {
  const [opened] = await Promise.allSettled([opening]);
  const isInvalidated = duckdbFault(error) === 'broken';
  if (current === opening && (isInvalidated || opened.status === 'rejected')) current = undefined;
  if (opened.status === 'rejected' || !isInvalidated) throw error;
  const holder = opened.value;
  if (holder.attached.size > 0) invalidated.add(holder);
  else holder.instance.closeSync();
  await unlockFile(file);
}

/** Frees what an invalidated DuckDB cannot detach: POSIX frees a process's lock when it closes any descriptor of the file. */
async function unlockFile(file: string): Promise<void> {
  try {
    await (await open(file)).close();
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function openHolder(): Promise<Holder> {
  const instance = await loadForTables().DuckDBInstance.create(':memory:', { threads: '1' });
  return { instance, connection: await instance.connect(), attached: new Set() };
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
