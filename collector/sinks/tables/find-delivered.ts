import { floorToMillisecond, type Instant } from '../../../mappings/instant.js';
import { exists } from '../../files/durable-file.js';
import { quoteText } from './columns.js';
import type { Engine } from './engine.js';
import { isVanished } from './error-table.js';
import { classTables, deadLetterTable, rawRecordTable } from './table-catalog.js';
import { type LiveFile, readTables } from './tables-snapshot.js';
import { scanOf } from './views.js';

const UIDS_PER_STATEMENT = 1000;
const MOST_ATTEMPTS = 5;

/** Where each table of records keeps the uid. */
const uidColumns: ReadonlyMap<string, string> = new Map([
  ...[...classTables.values()].map(({ name }) => [name, 'metadata.uid'] as const),
  [deadLetterTable.name, 'uid'],
  [rawRecordTable.name, 'uid'],
]);

/**
 * Which of these uids the tables hold among rows with from ≤ time < to. A file that the log names and that is not there
 * holds nothing: what it held can be delivered again.
 * @param openEngine asked where there is anything to search; the engine is closed again
 */
export async function findDelivered(
  openEngine: () => Engine,
  directory: string,
  uids: readonly string[],
  from: Instant,
  to: Instant,
): Promise<ReadonlySet<string>> {
  // The tables hold milliseconds: the range is widened to whole ones.
  const [first, end] = [floorToMillisecond(from), floorToMillisecond(to) + 1];
  for (let attempt = 1; ; attempt++) {
    const files = uids.length === 0 || first >= end ? new Map() : await filesOf(directory, first, end, attempt > 1);
    if (files.size === 0) return new Set();
    const engine = openEngine();
    try {
      return await search(engine, files, uids, first, end);
    } catch (error) {
      if (attempt === MOST_ATTEMPTS || !isVanished(error)) throw error;
    } finally {
      await engine.close();
    }
  }
}

/**
 * Files of records by table that may hold some of a range.
 * @param presentOnly leaves out those that are not there; looked at only once one was missed
 */
async function filesOf(
  directory: string,
  from: number,
  to: number,
  presentOnly: boolean,
): Promise<Map<string, LiveFile[]>> {
  const found = new Map<string, LiveFile[]>();
  for (const { table, files } of (await readTables(directory)).values()) {
    const inRange = files.filter(({ times }) => times === undefined || (times.last >= from && times.first < to));
    const wanted: LiveFile[] = [];
    for (const file of inRange) if (!presentOnly || (await exists(file.readAs))) wanted.push(file);
    if (uidColumns.has(table) && wanted.length > 0) found.set(table, wanted);
  }
  return found;
}

async function search(
  engine: Engine,
  files: ReadonlyMap<string, readonly LiveFile[]>,
  uids: readonly string[],
  from: number,
  to: number,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const [table, ofTable] of files) {
    const uid = uidColumns.get(table) ?? 'uid';
    const timeless = table === deadLetterTable.name ? ' OR "time" IS NULL' : '';
    for (let at = 0; at < uids.length; at += UIDS_PER_STATEMENT) {
      const asked = uids
        .slice(at, at + UIDS_PER_STATEMENT)
        .map(quoteText)
        .join(', ');
      const rows = await engine.rows(
        `SELECT DISTINCT ${uid} FROM ${scanOf(ofTable)} ` +
          `WHERE ("time" >= ${from} AND "time" < ${to}${timeless}) AND ${uid} IN (${asked})`,
      );
      for (const [one] of rows) found.add(String(one));
    }
  }
  return found;
}
