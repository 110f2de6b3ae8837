import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CollectorError } from '../../errors.js';
import { exists, namesIn } from '../../files/durable-file.js';
import { type DataFile, dataFileOf, isMerged, pathOf, tableOfFile } from './data-file.js';
import type { Field } from './delta/schema.js';
import type { TableSnapshot } from './delta/table-snapshot.js';
import { outdated, readLaneStates, type StoredLane } from './lane-state.js';
import { stagedName } from './layout.js';
import { allTables } from './table-catalog.js';
import { rewritesOf, TablesLogs } from './tables-logs.js';

/** A file of the snapshot. */
export interface LiveFile extends DataFile {
  readonly table: string;
  /** Where it is, or will be once it is published. */
  readonly path: string;
  /** Where DuckDB reads it: where it was when the tables were read. */
  readonly readAs: string;
}

/** A table as of the snapshot. */
export interface TableContent {
  readonly table: string;
  /** Of its log; -1: it has none yet. */
  readonly version: number;
  /** The columns that its log names; undefined without a log. */
  readonly fields: readonly Field[] | undefined;
  readonly files: readonly LiveFile[];
}

/**
 * Every committed row once, as of one moment: of each lane a commit is there as a whole or not at all, in all tables.
 * Only tables that hold something are in it.
 */
export type TablesContent = ReadonlyMap<string, TableContent>;

type States = ReadonlyMap<string, StoredLane>;
type Snapshots = ReadonlyMap<string, TableSnapshot>;

const MOST_ATTEMPTS = 100;

/**
 * Reads the tables' logs and what the lanes' states have committed beyond them: a collector may have died between the two.
 * Takes no lock and changes nothing.
 * @throws CollectorError STORAGE_FAILED for a log that is damaged, foreign or newer; STATE_OUTDATED for tables without logs
 */
export async function readTables(directory: string): Promise<TablesContent> {
  const logs = TablesLogs.of(directory);
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    // In this order: what a state no longer names is in the logs.
    const states = await readLaneStates(directory);
    const snapshots = await logs.snapshots();
    const unlogged = await tablesWithoutLog(directory, states, snapshots);
    if (unlogged !== undefined && attempt > 3) throw outdated(join(directory, unlogged));
    if (unlogged === undefined && !isTooNew(states, snapshots)) return contentOf(logs, states, snapshots);
    await sleep(Math.min(attempt * 2, 50));
  }
  throw new CollectorError('STORAGE_FAILED', `The tables in ${directory} changed faster than they could be listed.`, {
    cure: 'Try again.',
    transient: true,
  });
}

/** True where a log has something of a commit after the states that cannot be distinguished from what was before. */
function isTooNew(states: States, snapshots: Snapshots): boolean {
  for (const snapshot of snapshots.values()) {
    for (const [lane, { state }] of states)
      if ((snapshot.txns.get(rewritesOf(lane))?.version ?? 0) > state.sequence) return true;
    for (const add of snapshot.files.values()) {
      const { file, lanes } = dataFileOf('', add);
      if ((isMerged(file) || Object.keys(lanes).length > 1) && !isCovered(lanes, states)) return true;
    }
  }
  return false;
}

/** Whether the states were read after the commits that a file holds. */
function isCovered(lanes: DataFile['lanes'], states: States): boolean {
  return Object.entries(lanes).every(([lane, sequence]) => {
    const stored = states.get(lane);
    return stored === undefined || sequence <= stored.state.sequence;
  });
}

async function contentOf(logs: TablesLogs, states: States, snapshots: Snapshots): Promise<TablesContent> {
  const { directory } = logs;
  const content = new Map<string, { version: number; fields: readonly Field[] | undefined; files: LiveFile[] }>();
  for (const [table, snapshot] of snapshots) {
    const files = [...snapshot.files.values()]
      .map((add) => dataFileOf(table, add))
      .filter(({ lanes }) => isCovered(lanes, states))
      .map((file) => ({ ...file, table, ...placeOf(directory, file) }));
    content.set(table, { version: snapshot.version, fields: logs.fields(table, snapshot), files });
  }
  for (const lane of states.values()) {
    const { files, replaced } = unloggedOf(lane, snapshots);
    for (const file of replaced) {
      const table = content.get(tableOfFile(file));
      if (table) table.files = table.files.filter((one) => one.file !== file);
    }
    for (const file of files) {
      const table = tableOfFile(file.file);
      const known = content.get(table) ?? { version: -1, fields: undefined, files: [] };
      content.set(table, known);
      const waiting = join(lane.staging, stagedName(file.file));
      known.files.push({
        ...file,
        table,
        ...placeOf(directory, file),
        ...((await exists(waiting)) ? { readAs: waiting } : {}),
      });
    }
  }
  return new Map([...content].map(([table, { version, fields, files }]) => [table, { table, version, fields, files }]));
}

function placeOf(directory: string, { file }: DataFile): Pick<LiveFile, 'path' | 'readAs'> {
  const path = join(directory, file);
  return { path, readAs: path };
}

/** What a lane has committed and the logs lack: files to add, and files that these replace. */
export function unloggedOf(
  { id, state }: Pick<StoredLane, 'id' | 'state'>,
  snapshots: Snapshots,
): { files: DataFile[]; replaced: string[] } {
  const files = state.files.filter((file) => {
    const snapshot = snapshots.get(tableOfFile(file.file));
    if (snapshot === undefined) return true;
    const path = pathOf(file.file);
    const isKnown = snapshot.files.has(path) || snapshot.removed.has(path);
    return !isKnown && (file.lanes[id] ?? 0) > (snapshot.txns.get(id)?.version ?? 0);
  });
  const replaced = state.replaced.filter((file) => snapshots.get(tableOfFile(file))?.files.has(pathOf(file)));
  return { files, replaced };
}

/** A table whose files no log and no state accounts for. */
async function tablesWithoutLog(directory: string, states: States, snapshots: Snapshots): Promise<string | undefined> {
  const named = new Set([...states.values()].flatMap(({ state }) => state.files.map(({ file }) => tableOfFile(file))));
  for (const { name } of allTables) {
    if (snapshots.has(name) || named.has(name)) continue;
    for (const group of await namesIn(join(directory, name)))
      if (group.startsWith('event_day=') && (await holdsData(join(directory, name, group)))) return name;
  }
  return undefined;
}

async function holdsData(group: string): Promise<boolean> {
  return (await exists(group)) && (await namesIn(group)).some((name) => name.endsWith('.parquet'));
}
