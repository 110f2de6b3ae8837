import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMissing, namesIn } from '../../files/durable-file.js';
import { readState } from '../files/state-file.js';
import { findUnlogged } from './append-to-logs.js';
import { quoteText } from './columns.js';
import type { Engine } from './engine.js';
import { groupBy } from './group-by.js';
import { isLaneState } from './lane-state.js';
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

const RESTORE =
  'Restore the tables’ directory with its .state from one backup; `query --skip-damaged` answers without it.';
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
    findings.push(...wrong, whole(table, files.length));
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
  const findings: TablesFinding[] = [];
  const root = join(directory, '.state');
  for (const feed of await namesIn(root))
    for (const name of await namesIn(join(root, feed))) {
      if (feed.startsWith('.') || name.startsWith('.') || !name.endsWith('.json')) continue;
      const read = await readState(join(root, feed, name), isLaneState);
      if (read.kind === 'corrupt')
        findings.push({
          part: `${feed}/${name}`,
          verdict: 'failed',
          message: `the lane’s state cannot be used: ${read.reason}`,
          cure: 'Start the feed: it restores the state from its copy, or says why it cannot.',
        });
    }
  return findings;
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
    const fault = await faultOf(engine, file);
    if (fault === undefined) sound.push(file);
    else wrong.push({ part: table, verdict: 'failed', message: `${file.path} ${fault}`, cure: RESTORE });
  }
  return { files: sound, wrong };
}

async function faultOf(engine: Engine, { readAs, bytes, rows }: LiveFile): Promise<string | undefined> {
  try {
    const { size } = await stat(readAs);
    if (size !== bytes) return `has ${size} bytes of ${bytes}`;
  } catch (error) {
    if (isMissing(error)) return 'is missing';
    throw error;
  }
  try {
    const found = Number(
      (await engine.rows(`SELECT num_rows FROM parquet_file_metadata(${quoteText(readAs)})`))[0]?.[0],
    );
    return found === rows ? undefined : `holds ${found} rows, its log says ${rows}`;
  } catch (error) {
    return `is damaged (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`;
  }
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
