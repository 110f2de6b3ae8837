import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBResult } from '@duckdb/node-api';
import type { QueryLimits } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { exists } from '../files/durable-file.js';
import { REPLAY_LANE } from '../position/lane-name.js';
import { quoteText } from '../sinks/tables/columns.js';
import { type PlainValue, plainValue } from '../sinks/tables/duckdb-value.js';
import { isVanished } from '../sinks/tables/error-table.js';
import { type LiveFile, liveFiles, missingFiles } from '../sinks/tables/live-files.js';
import { allTables, deadLetterTable } from '../sinks/tables/table-catalog.js';
import { replayedName, tablesOf, typedRows, viewNames, viewStatements } from '../sinks/tables/views.js';
import { engineSettings, limitReached, timeIsOver } from './limits.js';
import { type DamagedFile, holdFiles, type Snapshot, type SnapshotFile } from './snapshot-files.js';
import { type AdmittedStatement, admit, splitStatement } from './statement-gate.js';

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
   * Runs one statement that only reads: nothing but the views, by functions that open nothing.
   * @throws CollectorError USAGE for any other statement, and for one that DuckDB refuses; STORAGE_FAILED naming the
   *   files where the statement reads one that is damaged; QUERY_LIMIT_REACHED.
   */
  query(sql: string): Promise<QueryAnswer>;
  /** How many files are read. */
  readonly files: number;
  /** Files that cannot be read. */
  readonly damaged: readonly DamagedFile[];
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly limits?: QueryLimits;
  /** Answer from the other files where some are damaged. */
  readonly skipDamaged?: boolean;
  /** Told when a statement goes on working for a second after its time was over: only the end of the process stops it. */
  readonly stuck?: (error: CollectorError) => void;
  /** Where statements spill, instead of a directory of its own. */
  readonly temporaryDirectory?: string;
}

/** For statements of our own: they may take the time they need. */
const ownLimits: QueryLimits = {
  memory: '256MB',
  temporarySpace: '2GB',
  threads: 2,
  timeoutMs: Number.POSITIVE_INFINITY,
};
const mostAttempts = 20;
const viewSet: ReadonlySet<string> = new Set(viewNames);
const selectType = 1;
const explainType = 4;

/**
 * Opens the tables for reading: one view a class, `events`, `admin_activity`, `dead_letters` and `raw_records`. Times are
 * in UTC, whatever the machine's zone.
 * @throws CollectorError STORAGE_FAILED where there are no tables.
 */
export async function openTables(directory: string, options: OpenOptions = {}): Promise<OpenTables> {
  const openedFrom = performance.now();
  const root = resolve(directory);
  if (!(await exists(root)))
    throw new CollectorError('STORAGE_FAILED', `There are no tables in ${root}.`, {
      cure: 'Name the directory into which the collector writes (tables.directory), or collect first.',
      detail: 'ENOENT',
    });
  for (let attempt = 1; ; attempt++) {
    const last = attempt >= mostAttempts;
    const snapshot = holdFiles(root, await liveFiles(root), last);
    if (!snapshot) continue;
    const missing = await missingFiles(root);
    try {
      return await openSnapshot(withMissing(snapshot, missing), options, openedFrom);
    } catch (error) {
      snapshot.release();
      if (last || !isVanished(error)) throw error;
    }
  }
}

function withMissing(snapshot: Snapshot, missing: readonly LiveFile[]): Snapshot {
  const damaged = missing.map((file) => ({ file, path: file.paths[0] ?? '', fault: 'is missing' }));
  return { ...snapshot, damaged: [...snapshot.damaged, ...damaged] };
}

async function openSnapshot(snapshot: Snapshot, options: OpenOptions, from: number): Promise<OpenTables> {
  const { DuckDBInstance: Instance } = await import('@duckdb/node-api');
  const { limits = ownLimits, skipDamaged = false, stuck = () => {}, temporaryDirectory } = options;
  const spill = await mkdtemp(join(temporaryDirectory ?? tmpdir(), 'jumpcloud-ocsf-query-'));
  let instance: DuckDBInstance | undefined;
  try {
    instance = await Instance.create(':memory:', engineSettings(limits, spill));
    const connection = await instance.connect();
    // Among the settings of a new instance DuckDB 1.5.5 takes it without an error, and without effect.
    await connection.run(`SET max_temp_directory_size = ${quoteText(limits.temporarySpace)}`);
    const damaged = [...snapshot.damaged, ...(await makeViews(connection, snapshot.files))];
    await shut(connection, snapshot.files);
    const openingMs = performance.now() - from;
    return tablesOver({ instance, connection, snapshot, damaged, spill, limits, skipDamaged, stuck, openingMs });
  } catch (error) {
    instance?.closeSync();
    await rm(spill, { recursive: true, force: true });
    throw error instanceof Error ? (limitReached(error.message, limits) ?? error) : error;
  }
}

/** Makes the views over the files that can be read. @returns the others */
async function makeViews(connection: DuckDBConnection, files: readonly SnapshotFile[]): Promise<DamagedFile[]> {
  const damaged = new Map<SnapshotFile, DamagedFile>();
  for (;;) {
    const paths = pathsByTable(files.filter((file) => !damaged.has(file)));
    await connection.run('BEGIN');
    try {
      for (const statement of viewStatements((table) => paths.get(table) ?? [])) await connection.run(statement);
      await connection.run('COMMIT');
      return [...damaged.values()];
    } catch (error) {
      await connection.run('ROLLBACK');
      const found = isVanished(error) ? [] : await findDamaged(connection, files);
      if (found.every(([file]) => damaged.has(file))) throw error;
      for (const [file, fault] of found) damaged.set(file, fault);
    }
  }
}

/** Opens each file by itself: DuckDB names only the first that it cannot read, and not always that. */
async function findDamaged(
  connection: DuckDBConnection,
  files: readonly SnapshotFile[],
): Promise<[SnapshotFile, DamagedFile][]> {
  const found: [SnapshotFile, DamagedFile][] = [];
  for (const entry of files) {
    const fault = await columnFault(connection, entry);
    if (fault !== undefined) found.push([entry, { file: entry.file, path: entry.file.paths[0] ?? '', fault }]);
  }
  return found;
}

/** What keeps a file from being read as its table's. */
async function columnFault(connection: DuckDBConnection, { file, readAs }: SnapshotFile): Promise<string | undefined> {
  const table = allTables.find(({ name }) => name === file.table);
  if (table === undefined) return undefined;
  try {
    (await connection.prepare(typedRows(table, [readAs]))).destroySync();
    return undefined;
  } catch (error) {
    if (isVanished(error)) throw error;
    return `is damaged, or no file of this table (${firstLine(error).replaceAll(readAs, 'it')})`;
  }
}

/**
 * From here on a statement reads the files of the snapshot and nothing else of this machine. An open file goes by its
 * path while it has one, by its descriptor once it is unlinked. Writing to these same paths is not kept off here, but by
 * the gate: DuckDB has no right to read alone.
 */
async function shut(connection: DuckDBConnection, files: readonly SnapshotFile[]): Promise<void> {
  const paths = [...new Set(files.flatMap(({ file, readAs }) => [readAs, ...file.paths]))];
  const descriptors = files.some(({ file, readAs }) => !file.paths.includes(readAs)) ? ['/proc/self/fd'] : [];
  await connection.run(`SET TimeZone = 'UTC'`);
  await connection.run(`SET allowed_paths = [${paths.map(quoteText).join(', ')}]`);
  await connection.run(`SET allowed_directories = [${descriptors.map(quoteText).join(', ')}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

/** A file is one of its table; what the replay lane delivered also says which dead letters are resolved. */
function pathsByTable(files: readonly SnapshotFile[]): ReadonlyMap<string, readonly string[]> {
  const paths = new Map<string, string[]>();
  for (const { file, readAs } of files)
    for (const name of file.lane === REPLAY_LANE ? [file.table, replayedName(file.table)] : [file.table]) {
      const ofName = paths.get(name);
      if (ofName) ofName.push(readAs);
      else paths.set(name, [readAs]);
    }
  return paths;
}

/** What a query needs of the tables that are open. */
interface OpenParts {
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  readonly snapshot: Snapshot;
  readonly damaged: readonly DamagedFile[];
  readonly spill: string;
  readonly limits: QueryLimits;
  readonly skipDamaged: boolean;
  readonly stuck: (error: CollectorError) => void;
  readonly openingMs: number;
}

function tablesOver(parts: OpenParts): OpenTables {
  const { instance, connection, snapshot, damaged, spill, skipDamaged } = parts;
  return {
    files: snapshot.files.length,
    damaged,
    async query(sql) {
      const statement = await gate(connection, sql).catch((error) => {
        throw asQueryError(error, parts);
      });
      if (!skipDamaged) refuseDamaged(statement, damaged);
      const worker = new Worker(parts);
      const result = await worker.work(() => start(connection, statement));
      return { columns: columnsOf(result), rows: rowsOf(result, worker) };
    },
    async close() {
      connection.closeSync();
      instance.closeSync();
      snapshot.release();
      await rm(spill, { recursive: true, force: true });
    },
  };
}

/** DuckDB parses the text, and does no more with it before the gate has judged what it means. */
async function gate(connection: DuckDBConnection, sql: string): Promise<AdmittedStatement> {
  const split = splitStatement(sql);
  const parsed = await connection.runAndReadAll('SELECT json_serialize_sql(?::VARCHAR)', [split.select]);
  return admit(split, String(parsed.value(0, 0)), viewSet);
}

/** Rows that are missing would be a wrong answer: the statement is refused where it reads one of these files. */
function refuseDamaged({ views }: AdmittedStatement, damaged: readonly DamagedFile[]): void {
  const met = damaged.filter(({ file }) => views.some((view) => reads(view, file)));
  const [first, ...others] = met;
  if (first === undefined) return;
  const more = others.map(({ path, fault }) => `\n${path} ${fault}.`);
  throw new CollectorError('STORAGE_FAILED', `${first.path} ${first.fault}.${more.slice(0, 20).join('')}`, {
    cure: 'Put it back as it was, or remove what is not ours. Other tables are answered, and this one without those rows by --skip-damaged.',
    detail: 'damaged',
  });
}

function reads(view: string, { table, lane }: LiveFile): boolean {
  return tablesOf(view).includes(table) || (view === deadLetterTable.name && lane === REPLAY_LANE);
}

async function start(connection: DuckDBConnection, { sql }: AdmittedStatement): Promise<DuckDBResult> {
  const statements = await connection.extractStatements(sql);
  const statement = await statements.prepare(0);
  // The gate has seen to it; should DuckDB read a text in another way than its own parser, this is where it ends.
  const reading = statement.statementType === selectType || statement.statementType === explainType;
  if (statements.count !== 1 || !reading)
    throw new CollectorError('USAGE', 'The tables are only read here.', { cure: 'Use one SELECT.' });
  return statement.stream();
}

const graceMs = 1000;

/** Counts the time that DuckDB works on one statement, opening the tables included, and ends it when that is over. */
class Worker {
  #leftMs: number;

  constructor(private readonly parts: OpenParts) {
    this.#leftMs = parts.limits.timeoutMs - parts.openingMs;
  }

  /** @throws CollectorError QUERY_LIMIT_REACHED, or as the error means. */
  async work<T>(call: () => Promise<T>): Promise<T> {
    const { connection, limits, stuck } = this.parts;
    const timers: NodeJS.Timeout[] = [];
    let over: CollectorError | undefined;
    const end = () => {
      const error = timeIsOver(limits);
      over = error;
      connection.interrupt();
      timers.push(setTimeout(() => stuck(error), graceMs));
    };
    if (Number.isFinite(this.#leftMs)) timers.push(setTimeout(end, Math.max(0, this.#leftMs)));
    const from = performance.now();
    try {
      return await call();
    } catch (error) {
      throw over ?? asQueryError(error, this.parts);
    } finally {
      for (const timer of timers) clearTimeout(timer);
      this.#leftMs -= performance.now() - from;
    }
  }
}

function columnsOf(result: DuckDBResult): QueryColumn[] {
  return result.deduplicatedColumnNames().map((name, index) => {
    const type = result.columnType(index);
    return { name, type: type.alias ?? type.toString() };
  });
}

async function* rowsOf(result: DuckDBResult, worker: Worker): AsyncGenerator<readonly PlainValue[], void, void> {
  for (;;) {
    const chunk = await worker.work(() => result.fetchChunk());
    if (!chunk || chunk.rowCount === 0) return;
    for (const row of chunk.getRows()) yield row.map(plainValue);
  }
}

/** DuckDB's refusals are about the statement, unless a limit or a file of the snapshot is what it stumbled over. */
function asQueryError(error: unknown, { limits, snapshot }: OpenParts): unknown {
  if (error instanceof CollectorError || !(error instanceof Error)) return error;
  const limit = limitReached(error.message, limits);
  if (limit) return limit;
  const { message, file } = withPaths(error.message, snapshot.files);
  if (file !== undefined || /^IO Error/.test(message))
    return new CollectorError('STORAGE_FAILED', firstLine(message), {
      cure:
        file === undefined
          ? 'Free space in the system’s temporary directory, or look at the disk.'
          : `Put ${file} back as it was, or remove it where it is not ours.`,
      cause: error,
    });
  return new CollectorError('USAGE', message.trim(), {
    cure: `There are ${viewNames.join(', ')}; DESCRIBE one of them for its columns.`,
    cause: error,
  });
}

/** The text with the files' paths for the names by which DuckDB reads them, and the first that it names. */
function withPaths(text: string, files: readonly SnapshotFile[]): { message: string; file: string | undefined } {
  const byName = new Map(files.map(({ file, readAs }) => [readAs, file.paths[0] ?? readAs]));
  let named: string | undefined;
  const message = text.replace(/\/proc\/self\/fd\/\d+/g, (name) => {
    named ??= byName.get(name);
    return byName.get(name) ?? name;
  });
  return { message, file: named ?? [...byName.values()].find((path) => text.includes(path)) };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}
