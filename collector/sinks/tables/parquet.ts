import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { fileMode, syncFile } from '../../files/durable-file.js';
import { wellFormedLine } from '../files/json-line.js';
import { type Column, duckType, quoteFile, quoteText } from './columns.js';
import { type DataFile, fingerprintOf, LANE_COLUMN } from './data-file.js';
import type { Engine } from './engine.js';

/** One row on its way into a file. */
export interface Row {
  readonly uid: string;
  /** Epoch milliseconds by which rows are sorted. */
  readonly time: number;
  /** Its column `time` is empty: `time` is another instant. */
  readonly timeless?: boolean;
  /** Whose it is (`laneId`), where not the writing lane's. */
  readonly lane?: string;
  /** A JSON object. */
  readonly text: string;
}

/** Of fewer rows zstd saves nothing that a merge does not save later, and makes room for each column: a sixth of the time. */
const FEW_ROWS = 100;

/**
 * Small row groups and dictionaries keep DuckDB's memory small: it makes room for one of each for every column, 150 in a
 * class. A dictionary has no more entries than rows, and a fourth of the time goes into one of a thousand for a single row.
 */
function parquetOptions(rows: number): string {
  const compression = rows < FEW_ROWS ? 'snappy' : 'zstd';
  return (
    `FORMAT parquet, COMPRESSION ${compression}, WRITE_BLOOM_FILTER false, ROW_GROUP_SIZE 2048, ` +
    `STRING_DICTIONARY_PAGE_SIZE_LIMIT 65536, DICTIONARY_SIZE_LIMIT ${Math.min(1000, rows)}`
  );
}

const CHUNK_CHARACTERS = 256 * 1024;

/**
 * Rows of one file. DuckDB takes some eight bytes for a character of them while it parses and writes them; half as many
 * take no longer in all.
 */
export const MOST_ROWS = 2048;
export const MOST_CHARACTERS = 2 * 1024 * 1024;

/** Cuts rows, sorted by time, into what one file takes. */
export function slicesOf(rows: readonly Row[]): Row[][] {
  const slices: Row[][] = [];
  let slice: Row[] = [];
  let characters = 0;
  for (const row of rows.toSorted((a, b) => a.time - b.time)) {
    if (slice.length > 0 && (slice.length >= MOST_ROWS || characters + row.text.length > MOST_CHARACTERS)) {
      slices.push(slice);
      slice = [];
      characters = 0;
    }
    slice.push(row);
    characters += row.text.length;
  }
  if (slice.length > 0) slices.push(slice);
  return slices;
}

/**
 * Writes rows into a Parquet file, durably.
 * @param path with any ending: the file is published under another name
 * @param lane whose rows they are (`laneId`)
 * @returns what is known of the file but for its name and its lanes
 * @throws the error of DuckDB or of the file system; the file at `path` is then incomplete.
 */
export async function writeParquet(
  engine: Engine,
  columns: readonly Column[],
  rows: readonly Row[],
  path: string,
  lane: string,
): Promise<Omit<DataFile, 'file' | 'lanes'>> {
  const linesFile = `${path}.ndjson`;
  const longest = await writeLines(linesFile, rows, lane);
  try {
    await engine.run(
      `COPY (SELECT *, make_timestamptz("time" * 1000) AS time_dt FROM read_json(${quoteFile(linesFile)}, ` +
        `format = 'newline_delimited', columns = {${specOf(columns)}}, maximum_object_size = ${longest + 1024})) ` +
        `TO ${quoteText(path)} (${parquetOptions(rows.length)})`,
    );
  } finally {
    await unlink(linesFile);
  }
  await syncFile(path);
  const { size, mtimeMs } = await stat(path);
  const times = rows.some(({ timeless }) => timeless) ? undefined : timesOf(rows);
  return {
    bytes: size,
    rows: rows.length,
    writtenAt: Math.floor(mtimeMs),
    ...(times === undefined ? {} : { times }),
    schema: fingerprintOf(columns),
  };
}

const specs = new WeakMap<readonly Column[], string>();

/** Names and types of a file's columns, as `read_json` takes them. */
function specOf(columns: readonly Column[]): string {
  const known = specs.get(columns);
  if (known !== undefined) return known;
  const ours = [...columns, { name: LANE_COLUMN, type: { kind: 'text' } } as const];
  const spec = ours.map(({ name, type }) => `${quoteText(name)}: ${quoteText(duckType(type))}`).join(', ');
  specs.set(columns, spec);
  return spec;
}

function timesOf(rows: readonly Row[]): { first: number; last: number } | undefined {
  if (rows.length === 0) return undefined;
  return rows.reduce(({ first, last }, { time }) => ({ first: Math.min(first, time), last: Math.max(last, time) }), {
    first: Number.POSITIVE_INFINITY,
    last: Number.NEGATIVE_INFINITY,
  });
}

/** What a Parquet file says of itself. */
export async function describeParquet(engine: Engine, path: string): Promise<Omit<DataFile, 'file' | 'lanes'>> {
  const { size, mtimeMs } = await stat(path);
  const from = `read_parquet([${quoteFile(path)}], hive_partitioning = false)`;
  const [[rows, timed, first, last] = []] = await engine.rows(
    `SELECT count(*), count("time"), min("time"), max("time") FROM ${from}`,
  );
  return {
    bytes: size,
    rows: Number(rows),
    writtenAt: Math.floor(mtimeMs),
    ...(rows === timed && Number(rows) > 0 ? { times: { first: Number(first), last: Number(last) } } : {}),
  };
}

/** Writes one JSON text a line and returns the most bytes of a line. */
async function writeLines(path: string, rows: readonly Row[], lane: string): Promise<number> {
  let longest = 0;
  const handle: FileHandle = await open(path, 'w', fileMode);
  try {
    let chunk = '';
    for (const row of rows) {
      // A row is a JSON object with members.
      const owner = `{"${LANE_COLUMN}":${JSON.stringify(row.lane ?? lane)},`;
      const line = owner + wellFormedLine(row.text).trimStart().slice(1);
      longest = Math.max(longest, line.length * 3 > longest ? Buffer.byteLength(line) : 0);
      chunk += `${line}\n`;
      if (chunk.length < CHUNK_CHARACTERS) continue;
      await handle.writeFile(chunk);
      chunk = '';
    }
    await handle.writeFile(chunk);
  } finally {
    await handle.close();
  }
  return longest;
}
