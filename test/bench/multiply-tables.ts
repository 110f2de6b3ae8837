import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { quoteText } from '../../collector/sinks/tables/columns.js';
import { addOf, type DataFile, mergedName } from '../../collector/sinks/tables/data-file.js';
import { commitInfo } from '../../collector/sinks/tables/delta/actions.js';
import { Engine } from '../../collector/sinks/tables/engine.js';
import { groupBy } from '../../collector/sinks/tables/group-by.js';
import { groupOf } from '../../collector/sinks/tables/layout.js';
import { describeParquet } from '../../collector/sinks/tables/parquet.js';
import { classTables } from '../../collector/sinks/tables/table-catalog.js';
import { TablesLogs } from '../../collector/sinks/tables/tables-logs.js';
import { readTables } from '../../collector/sinks/tables/tables-snapshot.js';
import { scanOf } from '../../collector/sinks/tables/views.js';

/** How events become more. */
export interface Multiplication {
  /** Each period holds the same events again, earlier by its number times `periodMs`; whole days. */
  readonly periods: number;
  readonly periodMs: number;
  /** Each event of a period is there so many times, under uids of their own. */
  readonly copies: number;
}

/** Adds copies of the events of a directory to its tables, a merged file per table and day: DuckDB writes what would take hours to collect. */
export async function multiplyTables(directory: string, { periods, periodMs, copies }: Multiplication): Promise<void> {
  const engine = Engine.unshared({ memoryLimit: '1GB', threads: 2 });
  const logs = TablesLogs.of(directory);
  const known = [...classTables.values()].map(({ name }) => name);
  for (const { table, files } of (await readTables(directory)).values()) {
    if (!known.includes(table)) continue;
    const made: DataFile[] = [];
    for (const ofDay of groupBy(files, ({ file }) => dirname(file)).values()) {
      const [first] = ofDay;
      if (first?.times === undefined) continue;
      for (let period = 0; period < periods; period++) {
        const more = period === 0 ? copies - 1 : copies;
        if (more === 0) continue;
        const shift = period * periodMs;
        const file = mergedName(groupOf(table, first.times.first - shift), randomUUID());
        const path = join(directory, file);
        await mkdir(dirname(path), { recursive: true });
        const uid = `md5(metadata.uid || '/${period}/' || copy.range)`;
        await engine.run(
          `COPY (SELECT event.* REPLACE ("time" - ${shift} AS "time", make_timestamptz(("time" - ${shift}) * 1000) AS time_dt,
             struct_update(metadata, uid := ${uid}, logged_time := metadata.logged_time - ${shift}) AS metadata)
           FROM ${scanOf(ofDay)} AS event, range(${more}) AS copy)
           TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, WRITE_BLOOM_FILTER false, ROW_GROUP_SIZE 6144)`,
        );
        const lanes = Object.assign({}, ...ofDay.map((one) => one.lanes));
        // Of what has a part of the columns `scanOf` gives them all.
        const schema = first.schema ?? first.partOf;
        made.push({ file, ...(await describeParquet(engine, path)), ...(schema && { schema }), lanes });
      }
    }
    const now = Date.now();
    await logs.log(table).change(() => [commitInfo('WRITE', now), ...made.map((file) => ({ add: addOf(file, true) }))]);
  }
  await engine.close();
}
