import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { QueryLimits } from '../config/feed-config.js';
import { quoteFile, quoteName, quoteText } from '../sinks/tables/columns.js';
import { jsonText } from '../sinks/tables/duckdb-value.js';
import { loadDuckDB } from '../sinks/tables/load-duckdb.js';
import { engineSettings, limitReached } from './limits.js';
import type { QueryAnswer, QueryColumn } from './open-tables.js';

/**
 * Writes an answer as one Parquet file. The rows are put down in the temporary directory first, so that the engine that
 * reads the tables is never given the right to write.
 * @param path must not exist
 * @throws CollectorError QUERY_LIMIT_REACHED
 */
export async function writeParquet(
  { columns, rows }: QueryAnswer,
  path: string,
  temporaryDirectory: string,
  limits: QueryLimits,
): Promise<void> {
  const staged = join(temporaryDirectory, 'answer.ndjson');
  const output = createWriteStream(staged, { mode: 0o600 });
  let longest = 1024 * 1024;
  for await (const row of rows) {
    const members = row.flatMap((value, index) => (value === null ? [] : [`"c${index}":${jsonText(value)}`]));
    const line = `{${members.join(',')}}\n`;
    longest = Math.max(longest, Buffer.byteLength(line));
    if (!output.write(line)) await new Promise((done) => output.once('drain', () => done(undefined)));
  }
  output.end();
  await finished(output);
  const { DuckDBInstance: Instance } = loadDuckDB();
  const instance = await Instance.create(':memory:', engineSettings(limits, temporaryDirectory));
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    await connection.run(
      `COPY (${selection(columns, staged, longest)}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } catch (error) {
    throw error instanceof Error ? (limitReached(error.message, limits) ?? error) : error;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Names of an answer may repeat or be odd; in the staged file they are `c0`, `c1`, … */
function selection(columns: readonly QueryColumn[], staged: string, longest: number): string {
  const types = columns.map(({ type }, index) => `c${index}: ${quoteText(storable(type))}`);
  const names = columns.map(({ name }, index) => `c${index} AS ${quoteName(name)}`);
  return `SELECT ${names.join(', ')} FROM read_json(${quoteFile(staged)}, format = 'newline_delimited', maximum_object_size = ${longest}, columns = {${types.join(', ')}})`;
}

/** JSON text stays text, as in the tables. */
function storable(type: string): string {
  return type.replace(/\bJSON\b/g, 'VARCHAR').replace(/^"NULL"$/, 'VARCHAR');
}
