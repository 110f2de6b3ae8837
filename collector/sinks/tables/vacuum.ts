import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errno } from '../../errors.js';
import { isMissing, namesIn } from '../../files/durable-file.js';
import { pathOf } from './data-file.js';
import { readLaneStates, unreadableLanes } from './lane-state.js';
import { sequenceOf } from './layout.js';
import type { TablesLogs } from './tables-logs.js';

/** A file that no reader needs any more. */
export interface Unneeded {
  /** Relative to the tables' directory. */
  readonly file: string;
  readonly bytes: number;
  /** It was merged or expired; else no log ever named it: a crash left it. */
  readonly removed: boolean;
}

/**
 * Files of a table that neither its log nor a lane's state names or may name, and that are old enough for no reader to be at them.
 * Call under the table's lock: a merge publishes its file before the log names it.
 */
export async function findUnneeded(logs: TablesLogs, table: string, now: number, graceMs: number): Promise<Unneeded[]> {
  // In this order: a lane's state names a file before it is published, and until the log does.
  const listed = await listFiles(logs.directory, table);
  const unreadable = await unreadableLanes(logs.directory);
  const states = await readLaneStates(logs.directory);
  const named = new Set([...states.values()].flatMap(({ state }) => state.files.map(({ file }) => file)));
  const snapshot = await logs.log(table).snapshot();
  const unneeded: Unneeded[] = [];
  for (const { file, bytes, writtenAt } of listed) {
    const path = pathOf(file);
    const removal = snapshot.removed.get(path);
    if (snapshot.files.has(path)) continue;
    if (removal === undefined && (named.has(file) || unreadable.some((lane) => isOfLane(file, lane)))) continue;
    const since = removal === undefined ? writtenAt : (removal.deletionTimestamp ?? 0);
    if (since + graceMs <= now) unneeded.push({ file, bytes, removed: removal !== undefined });
  }
  return unneeded;
}

/** A state that cannot be read may name any file of its lane. */
function isOfLane(file: string, { prefix }: { readonly prefix: string }): boolean {
  return sequenceOf(prefix, file.slice(file.lastIndexOf('/') + 1)) !== undefined;
}

/** Unlinks files, and days that are empty then. */
export async function unlinkFiles(directory: string, files: readonly string[]): Promise<void> {
  for (const file of files) await rm(join(directory, file), { force: true });
  for (const group of new Set(files.map((file) => file.slice(0, file.lastIndexOf('/')))))
    await rmdir(join(directory, group)).catch((error: unknown) => {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errno(error) ?? '')) throw error;
    });
}

interface ListedFile {
  readonly file: string;
  readonly bytes: number;
  readonly writtenAt: number;
}

/** The Parquet files in a table's directory, whoever wrote them. */
async function listFiles(directory: string, table: string): Promise<ListedFile[]> {
  const found: ListedFile[] = [];
  for (const group of await namesIn(join(directory, table))) {
    if (!group.startsWith('event_day=')) continue;
    for (const entry of await readdir(join(directory, table, group), { withFileTypes: true }).catch(whereMissing)) {
      if (!entry.isFile() || !entry.name.endsWith('.parquet')) continue;
      const file = `${table}/${group}/${entry.name}`;
      const status = await stat(join(directory, file)).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (status) found.push({ file, bytes: status.size, writtenAt: status.mtimeMs });
    }
  }
  return found;
}

function whereMissing(error: unknown): never[] {
  if (isMissing(error)) return [];
  throw error;
}
