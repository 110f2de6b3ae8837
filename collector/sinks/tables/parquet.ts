import { type FileHandle, open, rm } from 'node:fs/promises';
import { fileMode, syncFile } from '../../files/durable-file.js';
import { wellFormedLine } from '../files/json-line.js';
import { type Column, duckType, quoteText } from './columns.js';
import type { Engine } from './engine.js';

/** One row on its way into a file. */
export interface Row {
  readonly uid: string;
  /** Epoch milliseconds by which rows are sorted. */
  readonly time: number;
  /** A JSON object. */
  readonly text: string;
}

/** Small row groups and dictionaries keep DuckDB's memory small: it holds one of each for every column, 150 in a class. */
const PARQUET_OPTIONS =
  'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048, STRING_DICTIONARY_PAGE_SIZE_LIMIT 65536, DICTIONARY_SIZE_LIMIT 1000';

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
 * @throws the error of DuckDB or of the file system; the file at `path` is then incomplete.
 */
export async function writeParquet(
  engine: Engine,
  columns: readonly Column[],
  rows: readonly Row[],
  path: string,
): Promise<void> {
  const linesFile = `${path}.ndjson`;
  const longest = await writeLines(linesFile, rows);
  try {
    const spec = columns.map(({ name, type }) => `${quoteText(name)}: ${quoteText(duckType(type))}`).join(', ');
    await engine.run(
      `COPY (SELECT *, make_timestamp("time" * 1000) AS time_dt FROM read_json(${quoteText(linesFile)}, ` +
        `format = 'newline_delimited', columns = {${spec}}, maximum_object_size = ${longest + 1024})) ` +
        `TO ${quoteText(path)} (${PARQUET_OPTIONS})`,
    );
  } finally {
    await rm(linesFile, { force: true });
  }
  await syncFile(path);
}

/** Writes several Parquet files into one, durably, in their order. Returns the number of rows. */
export async function mergeParquet(engine: Engine, inputs: readonly string[], path: string): Promise<number> {
  const list = inputs.map(quoteText).join(', ');
  const source = `read_parquet([${list}], union_by_name = true, hive_partitioning = false)`;
  await engine.run(`COPY (SELECT * FROM ${source}) TO ${quoteText(path)} (${PARQUET_OPTIONS})`);
  await syncFile(path);
  const count = async (from: string) => Number((await engine.rows(`SELECT count(*) FROM ${from}`))[0]?.[0]);
  const [before, after] = [await count(source), await count(`read_parquet([${quoteText(path)}])`)];
  if (before !== after) throw new Error(`Merging ${inputs.length} files made ${after} rows of ${before}`);
  return after;
}

/** Writes one JSON text a line and returns the most bytes of a line. */
async function writeLines(path: string, rows: readonly Row[]): Promise<number> {
  let longest = 0;
  const handle: FileHandle = await open(path, 'w', fileMode);
  try {
    let chunk = '';
    for (const row of rows) {
      const line = wellFormedLine(row.text);
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
