import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { syncFile } from '../../files/durable-file.js';
import { type Column, duckType, quoteFile, quoteName, quoteText, without } from './columns.js';
import { type DataFile, fingerprintOf, LANE_COLUMN, mergedName } from './data-file.js';
import type { Engine } from './engine.js';
import { duckdbFault } from './error-table.js';
import type { LaneFiles } from './lane-files.js';
import type { Merge } from './plan-merges.js';
import type { Table } from './table-catalog.js';
import type { LiveFile } from './tables-snapshot.js';
import { typedRows } from './views.js';

const MIB = 1024 * 1024;
/**
 * Row groups, in bytes as DuckDB counts them: in memory, some 8 kB per row of 150 columns, looked at once per 2,048 rows.
 * Measured over days of 11,000 logins, size against one ordinary file of all days, and peak of a process that merges them:
 * 16 MiB 1.74 and 141 MiB, 32 MiB 1.52 and 166 MiB, 32 MiB at level 6 1.32 and 164 MiB, 40 MiB at level 6 1.25 and
 * 180 MiB, 64 MiB 1.10 and 190 MiB. From 40 MiB on it spills, and takes half as long again. Level 8 takes 3 % off level 6 and
 * 8 MiB more, level 9 4 % and 35 MiB. Bloom filters were a tenth of the files of small tables, 2 % of others; a day's file is as
 * soon read. Where rows are long (4 kB of raw data) what is read takes as much as what is written:
 * then the smaller ones fit.
 */
const ROW_GROUPS = [36 * MIB, 16 * MIB, 4 * MIB];

function optionsOf(rowGroupBytes: number): string {
  return (
    `FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 8, WRITE_BLOOM_FILTER false, ROW_GROUP_SIZE 50000, ROW_GROUP_SIZE_BYTES ${rowGroupBytes}, ` +
    'STRING_DICTIONARY_PAGE_SIZE_LIMIT 65536, DICTIONARY_SIZE_LIMIT 1000'
  );
}

/** Copies rows into a Parquet file with the largest row groups for which the memory suffices. @throws what DuckDB throws */
export async function copyRows(engine: Engine, rows: string, path: string): Promise<void> {
  for (const bytes of ROW_GROUPS)
    try {
      return await engine.run(`COPY (${rows}) TO ${quoteText(path)} (${optionsOf(bytes)})`);
    } catch (error) {
      if (duckdbFault(error) !== 'memory' || bytes === ROW_GROUPS.at(-1)) throw error;
    }
}

/**
 * Writes the rows of several files of one table and day into one, durably, and publishes it. No log names it yet.
 * @throws Error where the rows are not as many as the log says; what DuckDB throws
 */
export async function mergeFiles(
  engine: Engine,
  table: Table,
  { group, inputs }: Merge<LiveFile>,
  files: LaneFiles,
): Promise<DataFile> {
  const file = mergedName(group, randomUUID());
  await files.clearStaged();
  const staged = files.staged(file);
  const columns = await filledColumns(engine, table, inputs);
  await copyRows(engine, selection(columns, table, inputs), staged);
  await syncFile(staged);
  const from = `read_parquet([${quoteFile(staged)}], hive_partitioning = false)`;
  const rows = Number((await engine.rows(`SELECT count(*) FROM ${from}`))[0]?.[0]);
  const expected = inputs.reduce((sum, input) => sum + input.rows, 0);
  if (rows !== expected) throw new Error(`Merging ${inputs.length} files of ${group} made ${rows} rows of ${expected}`);
  const described = await engine.rows(`DESCRIBE SELECT * FROM ${from}`);
  const { size, mtimeMs } = await stat(staged);
  const times = timesOf(inputs);
  const merged: DataFile = {
    file,
    bytes: size,
    rows,
    writtenAt: Math.floor(mtimeMs),
    ...(times === undefined ? {} : { times }),
    ...(isOf(columns, described)
      ? { [columns === table.columns ? 'schema' : 'partOf']: fingerprintOf(table.columns) }
      : {}),
    lanes: lanesOf(inputs),
  };
  await files.syncStaged();
  const lost = await files.publish([file]);
  if (lost.length > 0) throw new Error(`${file} vanished before it was published`);
  return merged;
}

/**
 * The columns and fields of structs that hold anything in these files. Those that are NULL in all rows are left out: of small
 * tables they are a fifth of a file, since each has its place in the footer and a page per row group, however empty.
 * What the footers say is NULL everywhere is counted before it goes.
 * @returns all columns where a file has others than this version's
 */
async function filledColumns(engine: Engine, table: Table, inputs: readonly LiveFile[]): Promise<readonly Column[]> {
  const { columns } = table;
  if (inputs.some(({ schema, partOf }) => (schema ?? partOf) !== fingerprintOf(columns))) return columns;
  const footers = await engine.rows(
    `SELECT path_in_schema FROM parquet_metadata([${inputs.map(({ path }) => quoteFile(path)).join(', ')}]) ` +
      'GROUP BY 1 HAVING sum(num_values) > coalesce(sum(stats_null_count), 0)',
  );
  const filled = footers.map(([path]) => `${path}, `);
  const empty: string[][] = [];
  without(columns, (path) => {
    const isEmpty = !filled.some((leaf) => leaf.startsWith(`${path.join(', ')}, `));
    if (isEmpty) empty.push([...path]);
    return isEmpty;
  });
  if (empty.length === 0) return columns;
  const counts = empty.map((path) => `count(${path.map(quoteName).join('.')})`);
  const [found = []] = await engine.rows(`SELECT ${counts.join(', ')} FROM (${typedRows(table, inputs)})`);
  const leftOut = new Set(empty.filter((_, index) => Number(found[index]) === 0).map(String));
  return leftOut.size === 0 ? columns : without(columns, (path) => leftOut.has(String(path)));
}

/** The rows of the inputs with these columns of the table. */
function selection(columns: readonly Column[], table: Table, inputs: readonly LiveFile[]): string {
  const rows = typedRows(table, inputs);
  if (columns === table.columns) return rows;
  const values = columns.map(({ name, type }) => `${quoteName(name)}::${duckType(type)} AS ${quoteName(name)}`);
  return `SELECT ${[...values, 'time_dt', quoteName(LANE_COLUMN)].join(', ')} FROM (${rows})`;
}

/** Reads every value of a file, as a merge does. @throws what DuckDB throws */
export async function readWhole(engine: Engine, table: Table, file: LiveFile, files: LaneFiles): Promise<void> {
  const staged = files.staged(mergedName(table.name, 'trial'));
  await copyRows(engine, typedRows(table, [file]), staged);
}

/** Takes back what no log names. */
export async function withdraw(files: LaneFiles, { file }: DataFile): Promise<void> {
  await rm(files.published(file), { force: true });
}

/** Whether a file has exactly these columns, as this program writes them. */
function isOf(columns: readonly Column[], described: readonly unknown[][]): boolean {
  const found = new Map(described.map(([name, type]) => [String(name), String(type)]));
  const ours = [...columns.map(({ name }) => name), 'time_dt', LANE_COLUMN];
  return (
    found.size === ours.length &&
    columns.every(({ name, type }) => sameType(found.get(name), duckType(type))) &&
    found.has('time_dt') &&
    found.has(LANE_COLUMN)
  );
}

/** DuckDB leaves out the quotes of names that need none. */
function sameType(found: string | undefined, ours: string): boolean {
  return found?.replaceAll('"', '') === ours.replaceAll('"', '');
}

function timesOf(inputs: readonly DataFile[]): DataFile['times'] {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { times } of inputs) {
    if (times === undefined) return undefined;
    first = Math.min(first, times.first);
    last = Math.max(last, times.last);
  }
  return { first, last };
}

function lanesOf(inputs: readonly DataFile[]): Record<string, number> {
  const lanes: Record<string, number> = {};
  for (const input of inputs)
    for (const [lane, sequence] of Object.entries(input.lanes)) lanes[lane] = Math.max(sequence, lanes[lane] ?? 0);
  return lanes;
}
