import { setTimeout as sleep } from 'node:timers/promises';
import { findUnlogged, MISSING_CURE } from './append-to-logs.js';
import type { Engine } from './engine.js';
import { faultOfFile, MISSING, RESTORE } from './file-fault.js';
import { groupBy } from './group-by.js';
import { unreadableLanes } from './lane-state.js';
import { RETENTION_MS } from './plan-merges.js';
import { classTables, rawRecordTable } from './table-catalog.js';
import { TablesLogs } from './tables-logs.js';
import { type LiveFile, readTables, type TableContent } from './tables-snapshot.js';
import { findUnneeded } from './vacuum.js';
import { scanOf } from './views.js';

/** One thing that was looked at. */
export interface TablesFinding {
  /** A table, a lane (`<feed>/<lane>`), or `uids`. */
  readonly part: string;
  readonly verdict: 'ok' | 'mendable' | 'failed';
  readonly message: string;
  /** What to do where `--repair` does not mend it. */
  readonly cure?: string;
}

const MOST_NAMED = 10;
const SETTLING_MS = 1000;

/**
 * Whether the lanes' states, the tables' logs and the directory agree, for lanes that nobody opens any more too; whether
 * each file is there, as long as its log says and with as many rows; and whether each event's uid is unique. Changes nothing.
 * @throws CollectorError STORAGE_FAILED for a log that is damaged, foreign or newer; STATE_OUTDATED
 */
export async function checkTables(directory: string, engine: Engine, now: number): Promise<TablesFinding[]> {
  const logs = TablesLogs.of(directory);
  const content = await readTables(directory);
  const findings = [...(await unreadableStates(directory)), ...(await unloggedLanes(logs))];
  const sound = new Map<string, LiveFile[]>();
  for (const table of content.values()) {
    const { files, wrong } = await judge(engine, table);
    sound.set(table.table, files);
    const unneeded = await findUnneeded(logs, table.table, now, RETENTION_MS);
    findings.push(...wrong, ...foreign(table), whole(table, files.length));
    if (unneeded.length > 0)
      findings.push({
        part: table.table,
        verdict: 'mendable',
        message: `${count(unneeded.length, 'file')} that no reader needs, ${mib(unneeded.reduce((sum, { bytes }) => sum + bytes, 0))}`,
      });
  }
  const events = [...classTables.values()].flatMap(({ name }) => sound.get(name) ?? []);
  findings.push(await repeated(engine, 'events', 'metadata.uid', events));
  findings.push(await repeated(engine, rawRecordTable.name, 'uid', sound.get(rawRecordTable.name) ?? []));
  return findings;
}

async function unreadableStates(directory: string): Promise<TablesFinding[]> {
  return (await unreadableLanes(directory)).map(({ file, reason }) => ({
    part: file,
    verdict: 'failed',
    message: `the lane’s state cannot be used: ${reason}`,
    cure: 'Start the feed: it restores the state from its copy, or says why it cannot.',
  }));
}

/** A running lane's last commit reaches the logs a moment after its state: what is missing is looked for twice. */
async function unloggedLanes(logs: TablesLogs): Promise<TablesFinding[]> {
  const first = await findUnlogged(logs);
  if (first.length === 0) return [];
  await sleep(SETTLING_MS);
  const before = new Map(first.map(({ lane }) => [lane.id, lane.state.sequence]));
  const still = (await findUnlogged(logs)).filter(({ lane }) => before.get(lane.id) === lane.state.sequence);
  return still.map(({ lane, unlogged: { files, replaced } }) => ({
    part: lane.id,
    verdict: 'mendable',
    message: `${count(files.length + replaced.length, 'file')} of its last commits are not in the tables’ logs yet`,
  }));
}

/** The files that are as their log says, and what is wrong with the others. */
async function judge(
  engine: Engine,
  { table, files }: TableContent,
): Promise<{ files: LiveFile[]; wrong: TablesFinding[] }> {
  const sound: LiveFile[] = [];
  const wrong: TablesFinding[] = [];
  for (const file of files) {
    const fault = await faultOfFile(engine, file);
    if (fault === undefined) sound.push(file);
    else wrong.push({ part: table, verdict: 'failed', message: `${file.path} ${fault}`, cure: cureOf(fault) });
  }
  return { files: sound, wrong };
}

function cureOf(fault: string): string {
  return fault === MISSING ? MISSING_CURE : RESTORE;
}

/** What other programs wrote (an OPTIMIZE of Spark or deltalake) keeps its rows and not the lanes that they belong to. */
function foreign({ table, files }: TableContent): TablesFinding[] {
  const others = files.filter(({ lanes }) => Object.keys(lanes).length === 0);
  if (others.length === 0) return [];
  return [
    {
      part: table,
      verdict: 'failed',
      message: `${count(others.length, 'file')} of another program, ${others[0]!.path} among them: their rows are read, but the feed and lane of each are lost`,
      cure: 'Let no other program rewrite the tables (OPTIMIZE, DELETE, UPDATE): this one merges them. `remap` and tables.keepDays pass these files over, and replayed dead letters in them are listed again. To mend it, restore the directory with its .state from one backup.',
    },
  ];
}

function whole({ table, version, files }: TableContent, sound: number): TablesFinding {
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const message = `${count(rows, 'row')} in ${count(files.length, 'file')}, ${mib(bytes)}, version ${version}`;
  return sound === files.length
    ? { part: table, verdict: 'ok', message }
    : {
        part: table,
        verdict: 'failed',
        message: `${files.length - sound} of ${message}, are not as the log says`,
        cure: RESTORE,
      };
}

async function repeated(engine: Engine, what: string, uid: string, files: readonly LiveFile[]): Promise<TablesFinding> {
  const part = `uids of ${what}`;
  if (files.length === 0) return { part, verdict: 'ok', message: 'there are none' };
  // Table by table, since their columns differ; of each only the uid is read.
  const tables = groupBy(files, ({ table }) => table);
  const uids = [...tables.values()]
    .map((ofTable) => `SELECT ${uid} AS uid FROM ${scanOf(ofTable)}`)
    .join(' UNION ALL ');
  const [[rows, distinct] = []] = await engine.rows(`SELECT count(*), count(DISTINCT uid) FROM (${uids})`);
  if (rows === distinct) return { part, verdict: 'ok', message: `${rows}, each once` };
  const named = await engine.rows(
    `SELECT uid, count(*) FROM (${uids}) GROUP BY uid HAVING count(*) > 1 ORDER BY uid LIMIT ${MOST_NAMED}`,
  );
  const list = named.map(([one, times]) => `${one} (${times} times)`).join(', ');
  return {
    part,
    verdict: 'failed',
    message: `${Number(rows) - Number(distinct)} rows repeat a uid: ${list}`,
    cure: 'This is a defect, or files of two directories were put together: report it with the log lines around the last start.',
  };
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
