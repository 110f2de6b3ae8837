import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBResult } from '@duckdb/node-api';
import { CollectorError } from '../errors.js';
import { errno, exists, isMissing } from '../files/durable-file.js';
import { replayLane } from '../position/lane-name.js';
import { quoteText } from '../sinks/tables/columns.js';
import { type PlainValue, plainValue } from '../sinks/tables/duckdb-value.js';
import { isVanished } from '../sinks/tables/find-delivered.js';
import { type LiveFile, liveFiles } from '../sinks/tables/live-files.js';
import { replayedName, viewNames, viewStatements } from '../sinks/tables/views.js';

export interface QueryColumn {
  readonly name: string;
  /** As DuckDB names it, e.g. `BIGINT`, `JSON`. */
  readonly type: string;
}

/** An answer, read as it comes. */
export interface QueryAnswer {
  readonly columns: readonly QueryColumn[];
  readonly rows: AsyncIterable<readonly PlainValue[]>;
}

/** The tables as they were at one moment, whatever a collector writes, compacts or removes meanwhile. */
export interface OpenTables {
  /**
   * Runs one statement that only reads.
   * @throws CollectorError USAGE for any other statement, and for one that DuckDB refuses.
   */
  query(sql: string): Promise<QueryAnswer>;
  /** How many files are read. */
  readonly files: number;
  close(): Promise<void>;
}

const mostAttempts = 20;
/** Above this many files each is opened when it is read, so that the limit of open files is not met. */
const mostPinned = 4096;
const selectType = 1;
const explainType = 4;

/**
 * Opens the tables for reading: one view a class, `events`, `admin_activity`, `dead_letters` and `raw_records`.
 * @param wanted leaves out other files
 * @throws CollectorError STORAGE_FAILED where there are no tables.
 */
export async function openTables(
  directory: string,
  wanted: (file: LiveFile) => boolean = () => true,
): Promise<OpenTables> {
  const root = resolve(directory);
  if (!(await exists(root)))
    throw new CollectorError('STORAGE_FAILED', `There are no tables in ${root}.`, {
      cure: 'Name the directory into which the collector writes (tables.directory), or collect first.',
      detail: 'ENOENT',
    });
  for (let attempt = 1; ; attempt++) {
    const files = (await liveFiles(root)).filter(wanted);
    const pinned = pin(files);
    if (!pinned && attempt < mostAttempts) continue;
    try {
      return await openPinned(root, pinned ?? unpinned(files));
    } catch (error) {
      release(pinned);
      if (attempt >= mostAttempts || !isVanished(error)) throw error;
    }
  }
}

/** Paths by table, and the open files they stand for. */
interface Pinned {
  readonly paths: ReadonlyMap<string, readonly string[]>;
  readonly descriptors: readonly number[];
}

/**
 * Opens every file and names it by its descriptor, so that it stays readable when it is renamed or unlinked.
 * Undefined where one is gone already.
 */
function pin(files: readonly LiveFile[]): Pinned | undefined {
  if (process.platform !== 'linux' || files.length > mostPinned) return unpinned(files);
  const descriptors: number[] = [];
  const paths = new Map<string, string[]>();
  try {
    for (const file of files) {
      const descriptor = openFirst(file.paths);
      descriptors.push(descriptor);
      addPath(paths, file, `/proc/self/fd/${descriptor}`);
    }
    return { paths, descriptors };
  } catch (error) {
    release({ paths, descriptors });
    if (isMissing(error)) return undefined;
    if (errno(error) === 'EMFILE') return unpinned(files);
    throw error;
  }
}

function unpinned(files: readonly LiveFile[]): Pinned {
  const paths = new Map<string, string[]>();
  for (const file of files) addPath(paths, file, file.paths[0] ?? '');
  return { paths, descriptors: [] };
}

/** A file is one of its table; what the replay lane delivered also says which dead letters are resolved. */
function addPath(paths: Map<string, string[]>, { table, lane }: LiveFile, path: string): void {
  for (const name of lane === replayLane ? [table, replayedName(table)] : [table]) {
    const ofName = paths.get(name);
    if (ofName) ofName.push(path);
    else paths.set(name, [path]);
  }
}

function openFirst(paths: readonly string[]): number {
  for (const [index, path] of paths.entries())
    try {
      return openSync(path, 'r');
    } catch (error) {
      if (!isMissing(error) || index === paths.length - 1) throw error;
    }
  throw new TypeError('A file has no path');
}

function release(pinned: Pinned | undefined): void {
  for (const descriptor of pinned?.descriptors ?? []) closeSync(descriptor);
}

async function openPinned(root: string, pinned: Pinned): Promise<OpenTables> {
  const { DuckDBInstance: Instance } = await import('@duckdb/node-api');
  const spill = await mkdtemp(join(tmpdir(), 'jumpcloud-ocsf-query-'));
  let instance: DuckDBInstance | undefined;
  try {
    instance = await Instance.create(':memory:', {
      temp_directory: spill,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    for (const statement of viewStatements((table) => pinned.paths.get(table) ?? [])) await connection.run(statement);
    // From here on a statement reads the tables and nothing else of this machine. An open file goes by its directory
    // while it has one, by its descriptor once it is unlinked.
    const readable = pinned.descriptors.length > 0 ? [root, '/proc/self/fd'] : [root];
    await connection.run(`SET allowed_directories = [${readable.map(quoteText).join(', ')}]`);
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
    return tablesOver(instance, connection, pinned, spill);
  } catch (error) {
    instance?.closeSync();
    await rm(spill, { recursive: true, force: true });
    throw error;
  }
}

function tablesOver(instance: DuckDBInstance, connection: DuckDBConnection, pinned: Pinned, spill: string): OpenTables {
  return {
    files: new Set([...pinned.paths.values()].flat()).size,
    async query(sql) {
      try {
        const result = await start(connection, sql);
        return { columns: columnsOf(result), rows: rowsOf(result) };
      } catch (error) {
        throw asUsage(error);
      }
    },
    async close() {
      connection.closeSync();
      instance.closeSync();
      release(pinned);
      await rm(spill, { recursive: true, force: true });
    },
  };
}

async function start(connection: DuckDBConnection, sql: string): Promise<DuckDBResult> {
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1)
    throw new CollectorError('USAGE', `One statement is needed, not ${statements.count}.`, {
      cure: 'Put one statement in quotes, without a semicolon between statements.',
    });
  const statement = await statements.prepare(0);
  if (statement.statementType !== selectType && statement.statementType !== explainType)
    throw new CollectorError('USAGE', 'The tables are only read here.', {
      cure: 'Use SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN.',
    });
  return statement.stream();
}

function columnsOf(result: DuckDBResult): QueryColumn[] {
  return result.deduplicatedColumnNames().map((name, index) => {
    const type = result.columnType(index);
    return { name, type: type.alias ?? type.toString() };
  });
}

async function* rowsOf(result: DuckDBResult): AsyncGenerator<readonly PlainValue[], void, void> {
  try {
    for await (const rows of result.yieldRows()) for (const row of rows) yield row.map(plainValue);
  } catch (error) {
    throw asUsage(error);
  }
}

/** DuckDB's refusals are about the statement; a missing table is answered with those there are. */
function asUsage(error: unknown): unknown {
  if (error instanceof CollectorError || !(error instanceof Error) || isVanished(error)) return error;
  if (/^(IO|Out of Memory) Error/.test(error.message))
    return new CollectorError('STORAGE_FAILED', error.message.split('\n')[0] ?? '', {
      cure: 'Ask for less at once, or free space in the system’s temporary directory.',
      cause: error,
    });
  return new CollectorError('USAGE', error.message.trim(), {
    cure: `There are ${viewNames.join(', ')}; DESCRIBE one of them for its columns.`,
    cause: error,
  });
}
