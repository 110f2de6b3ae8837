import { quoteText } from './columns.js';
import type { Engine } from './engine.js';
import { groupBy } from './group-by.js';
import { dayOf } from './layout.js';
import { liveFiles } from './live-files.js';
import { deadLetterTable, rawRecordTable } from './table-catalog.js';

const uidsAtOnce = 1000;
const mostAttempts = 5;

/** Which of these uids the tables hold among rows with from ≤ time < to, in epoch milliseconds. */
export async function knownUids(
  engine: Engine,
  directory: string,
  uids: readonly string[],
  from: number,
  to: number,
): Promise<ReadonlySet<string>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await search(engine, directory, uids, from, to);
    } catch (error) {
      if (attempt === mostAttempts || !isVanished(error)) throw error;
    }
  }
}

/** True for DuckDB's complaint about a file that was listed and is gone: compaction or `keepDays` took it away. */
export function isVanished(error: unknown): boolean {
  return error instanceof Error && /No files found|No such file|Cannot open file/i.test(error.message);
}

async function search(
  engine: Engine,
  directory: string,
  uids: readonly string[],
  from: number,
  to: number,
): Promise<ReadonlySet<string>> {
  const known = new Set<string>();
  if (uids.length === 0 || from >= to) return known;
  const [firstDay, lastDay] = [dayOf(from), dayOf(to)];
  // A dead letter without a time of its own lies under the day on which it was collected: that day or a later one.
  const files = await liveFiles(
    directory,
    (table, day) => day >= firstDay && (day <= lastDay || table === deadLetterTable.name),
  );
  for (const [table, ofTable] of groupBy(files, (file) => file.table)) {
    const uid = table === deadLetterTable.name || table === rawRecordTable.name ? 'uid' : 'metadata.uid';
    const timeless = table === deadLetterTable.name ? ' OR "time" IS NULL' : '';
    const paths = ofTable.map(({ paths: [path = ''] }) => quoteText(path)).join(', ');
    for (let at = 0; at < uids.length; at += uidsAtOnce) {
      const asked = uids
        .slice(at, at + uidsAtOnce)
        .map(quoteText)
        .join(', ');
      const rows = await engine.rows(
        `SELECT DISTINCT ${uid} FROM read_parquet([${paths}], union_by_name = true, hive_partitioning = false) ` +
          `WHERE ("time" >= ${from} AND "time" < ${to}${timeless}) AND ${uid} IN (${asked})`,
      );
      for (const [found] of rows) known.add(String(found));
    }
  }
  return known;
}
