import { rm } from 'node:fs/promises';
import { syncFile, writeSynced } from '../../../files/durable-file.js';
import { quoteFile, quoteText } from '../columns.js';
import { type Action, actionsText, parseActions } from './actions.js';

/** What reads and writes Parquet. */
export interface Statements {
  run(sql: string): Promise<void>;
  /** Rows of text. */
  rows(sql: string): Promise<unknown[][]>;
}

const MAP = 'MAP(VARCHAR, VARCHAR)';
/** Columns of a checkpoint: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#checkpoint-schema */
const columns = {
  txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',
  add:
    `STRUCT(path VARCHAR, partitionValues ${MAP}, size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, ` +
    `stats VARCHAR, tags ${MAP})`,
  remove:
    'STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, ' +
    `partitionValues ${MAP}, size BIGINT)`,
  metaData:
    `STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options ${MAP}), ` +
    `schemaString VARCHAR, partitionColumns VARCHAR[], createdTime BIGINT, configuration ${MAP})`,
  protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)',
} as const;

/** Writes a checkpoint, durably. */
export async function writeCheckpoint(engine: Statements, actions: readonly Action[], path: string): Promise<void> {
  const lines = `${path}.ndjson`;
  const text = actionsText(actions);
  const longest = text.split('\n').reduce((most, line) => Math.max(most, Buffer.byteLength(line)), 0);
  await writeSynced(lines, text);
  try {
    const spec = Object.entries(columns).map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`);
    await engine.run(
      `COPY (SELECT * FROM read_json(${quoteFile(lines)}, format = 'newline_delimited', ` +
        `columns = {${spec.join(', ')}}, maximum_object_size = ${longest + 1024})) ` +
        `TO ${quoteText(path)} (FORMAT parquet, COMPRESSION snappy)`,
    );
  } finally {
    await rm(lines, { force: true });
  }
  await syncFile(path);
}

/**
 * The actions of a checkpoint.
 * @returns undefined where it cannot be read, or is none
 */
export async function readCheckpoint(engine: Statements, paths: readonly string[]): Promise<Action[] | undefined> {
  const list = paths.map(quoteFile).join(', ');
  const members = Object.keys(columns).map((name) => `'"${name}":' || coalesce(to_json("${name}")::VARCHAR, 'null')`);
  let rows: unknown[][];
  try {
    rows = await engine.rows(
      `SELECT '{' || ${members.join(` || ',' || `)} || '}' FROM read_parquet([${list}], hive_partitioning = false)`,
    );
  } catch {
    return undefined;
  }
  const actions = parseActions(rows.map(([text]) => String(text)).join('\n'));
  return actions?.some((action) => 'metaData' in action) ? actions : undefined;
}
