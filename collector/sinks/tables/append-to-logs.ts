import { CollectorError } from '../../errors.js';
import { addOf, type DataFile, tableOfFile } from './data-file.js';
import { commitInfo, removeOf } from './delta/actions.js';
import { groupBy } from './group-by.js';
import { LaneFiles } from './lane-files.js';
import { readLaneStates, type StoredLane } from './lane-state.js';
import { appendActions, type TablesLogs } from './tables-logs.js';
import { unloggedOf } from './tables-snapshot.js';

/** What a lane has committed and the tables' logs lack. */
export interface Unlogged {
  readonly files: readonly DataFile[];
  /** Names of files that these replace. */
  readonly replaced: readonly string[];
}

export const nothingUnlogged: Unlogged = { files: [], replaced: [] };

/** What of it could not be written, and why. */
export interface Appended {
  readonly left: Unlogged;
  readonly error?: unknown;
}

/**
 * Writes what a lane has committed into the tables' logs, one version per table. May be called again, and by others at the
 * same time: what a log has seen is passed over.
 * @param files published already
 * @returns what is left where a log cannot be written (a full disk): the lane's state goes on naming it
 * @throws CollectorError STORAGE_FAILED for a log that is damaged, foreign or newer
 */
export async function appendToLogs(
  logs: TablesLogs,
  lane: string,
  { files, replaced }: Unlogged,
  now: number,
  logged: () => Promise<void> = async () => {},
): Promise<Appended> {
  const left = { files: [] as DataFile[], replaced: [] as string[] };
  let failure: unknown;
  const filesByTable = groupBy(files, ({ file }) => tableOfFile(file));
  const replacedByTable = groupBy(replaced, tableOfFile);
  const tables = [...new Set([...filesByTable.keys(), ...replacedByTable.keys()])];
  // Waits for all before it throws: nothing is in flight when the lane is closed.
  const ended = await Promise.allSettled(
    tables.map(async (table) => {
      const [added, removed] = [filesByTable.get(table) ?? [], replacedByTable.get(table) ?? []];
      try {
        await logs.log(table).change((snapshot) => {
          const actions = appendActions(snapshot, lane, added, removed, now);
          return actions.length === 0 ? [] : [...logs.schemaActions(table, snapshot, now), ...actions];
        });
      } catch (error) {
        if (error instanceof CollectorError && !error.transient) throw error;
        failure = error;
        left.files.push(...added);
        left.replaced.push(...removed);
      }
      await logged();
    }),
  );
  const refused = ended.find((one) => one.status === 'rejected');
  if (refused !== undefined) throw refused.reason;
  return failure === undefined ? { left } : { left, error: failure };
}

/** One lane whose last commits had not reached the logs. */
export interface Repair {
  /** `laneId` */
  readonly lane: string;
  readonly unlogged: Unlogged;
  /** Files that are nowhere: their rows are gone. */
  readonly missing: readonly DataFile[];
}

/** What an operator should read of a repair that found files missing. */
export function missingNotice({ lane, missing }: Pick<Repair, 'lane' | 'missing'>): string[] {
  const [first] = missing;
  if (first === undefined) return [];
  const rows = missing.reduce((sum, file) => sum + file.rows, 0);
  return [
    `${missing.length} ${missing.length === 1 ? 'file' : 'files'} with ${rows} rows of the last commits of ${lane} are missing, ${first.file} among them: another program deleted them. ${MISSING_CURE}`,
  ];
}

/** In this order: what is delivered again while a log still names the file would be there twice once that is restored. */
export const MISSING_CURE =
  'First restore the directory with its .state from one backup, if there is one. If not, `tables check --repair` takes missing files out of the logs and says how many rows are gone; only then `reconcile --repair` delivers again what JumpCloud still keeps.';

/** What every lane's state has committed and the logs lack. Changes nothing. */
export async function findUnlogged(logs: TablesLogs): Promise<{ lane: StoredLane; unlogged: Unlogged }[]> {
  const states = await readLaneStates(logs.directory);
  const snapshots = await logs.snapshots();
  return [...states.values()]
    .map((lane) => ({ lane, unlogged: unloggedOf(lane, snapshots) }))
    .filter(({ unlogged: { files, replaced } }) => files.length + replaced.length > 0);
}

/**
 * Brings the logs up to the states of all lanes, also of those that nobody opens again: a finished backfill, a feed that
 * was removed. Needs no lane's lock: what a running lane does at the same moment is the same.
 * @param takeOutMissing notes files that are nowhere as removed: else they go on being reported
 */
export async function repairLogs(logs: TablesLogs, now: number, takeOutMissing = false): Promise<Repair[]> {
  const repairs: Repair[] = [];
  for (const { lane, unlogged } of await findUnlogged(logs)) {
    const files = new LaneFiles(logs.directory, lane.staging);
    const lost = new Set(await files.publish(unlogged.files.map(({ file }) => file)));
    const there = unlogged.files.filter(({ file }) => !lost.has(file));
    const { error } = await appendToLogs(logs, lane.id, { ...unlogged, files: there }, now);
    if (error !== undefined) throw error;
    const missing = unlogged.files.filter(({ file }) => lost.has(file));
    if (takeOutMissing) await takeOut(logs, lane.id, missing, now);
    repairs.push({ lane: lane.id, unlogged: { ...unlogged, files: there }, missing });
  }
  return repairs;
}

/** Notes files that no log has named yet as removed, with the commits that they belong to. */
async function takeOut(logs: TablesLogs, lane: string, missing: readonly DataFile[], now: number): Promise<void> {
  for (const [table, files] of groupBy(missing, ({ file }) => tableOfFile(file)))
    await logs.log(table).change((snapshot) => [
      ...logs.schemaActions(table, snapshot, now),
      commitInfo('DELETE', now),
      ...files.map((file) => removeOf(addOf(file, true), now, true)),
      {
        txn: {
          appId: lane,
          version: Math.max(snapshot.txns.get(lane)?.version ?? 0, ...files.map((file) => file.lanes[lane] ?? 0)),
          lastUpdated: now,
        },
      },
    ]);
}
