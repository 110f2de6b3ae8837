import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBResult } from '@duckdb/node-api';
import { nearest } from '../config/did-you-mean.js';
import type { QueryLimits } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { exists } from '../files/durable-file.js';
import { patternOf, quoteText } from '../sinks/tables/columns.js';
import { type PlainValue, plainValue } from '../sinks/tables/duckdb-value.js';
import { loadDuckDB } from '../sinks/tables/load-duckdb.js';
import { allTables, deadLetterTable, entityTable, rawRecordTable } from '../sinks/tables/table-catalog.js';
import { type LiveFile, readTables, type TableContent, type TablesContent } from '../sinks/tables/tables-snapshot.js';
import { flatColumns, typedRows, viewNames, viewStatement, viewsReadBy } from '../sinks/tables/views.js';
import { engineSettings, limitReached, timeIsOver } from './limits.js';
import { networkMacros } from './network-macros.js';
import { type BoundParameter, bindParameters } from './parameters.js';
import { neededFiles } from './prune-files.js';
import { copyWaiting, type DamagedFile, judgeFiles } from './snapshot-files.js';
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
   * @param parameters values of the `$name`s in it
   * @throws CollectorError USAGE for any other statement, and for one that DuckDB refuses; STORAGE_FAILED naming the
   *   files where the statement reads one that is damaged; QUERY_LIMIT_REACHED.
   */
  query(sql: string, parameters?: readonly BoundParameter[]): Promise<QueryAnswer>;
  /**
   * The snapshot, by table: its files with path, bytes, rows, first and last `time` (epoch milliseconds), and the columns
   * that its log names. A table that nothing was written to is not in it. None of the files has been opened.
   */
  readonly snapshot: ReadonlyMap<string, TableContent>;
  /** Files that cannot be read, among those that statements have asked for until now. */
  readonly damaged: readonly DamagedFile[];
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly limits?: QueryLimits;
  /** Answer from the other files where some are damaged. */
  readonly skipDamaged?: boolean;
  /** Told when a statement goes on working for a second after its time was over: only the end of the process stops it. */
  readonly stuck?: (error: CollectorError) => void;
  /** Show the events of this account (`account_name`) alone; what is no event cannot be asked for then. */
  readonly account?: string | undefined;
  /** Show the rows of this feed alone: its lanes', not those of others that deliver into the same directory. */
  readonly feed?: string | undefined;
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
 * Opens the tables for reading: one view per class, `events`, `admin_activity`, `dead_letters`, `raw_records` and
 * `entities`. Times are in UTC, whatever the machine's zone. Reads the tables' logs and no file of theirs.
 * @throws CollectorError STORAGE_FAILED where there are no tables, or a log is damaged, foreign or newer; STATE_OUTDATED.
 */
export async function openTables(directory: string, options: OpenOptions = {}): Promise<OpenTables> {
  const openedFrom = performance.now();
  const root = resolve(directory);
  if (!(await exists(root)))
    throw new CollectorError('STORAGE_FAILED', `There are no tables in ${root}.`, {
      cure: 'Name the directory into which the collector writes (tables.directory), or collect first.',
      detail: 'ENOENT',
    });
  const spill = await mkdtemp(join(options.temporaryDirectory ?? tmpdir(), 'jumpcloud-ocsf-query-'));
  try {
    for (let attempt = 1; ; attempt++) {
      const content = await readTables(root);
      const snapshot = await copyWaiting(content, spill);
      // A file that waited for its publication has moved meanwhile.
      if (snapshot === undefined && attempt < mostAttempts) continue;
      return await openSnapshot(root, snapshot ?? content, spill, options, openedFrom);
    }
  } catch (error) {
    await rm(spill, { recursive: true, force: true });
    throw error;
  }
}

async function openSnapshot(
  root: string,
  snapshot: TablesContent,
  spill: string,
  options: OpenOptions,
  from: number,
): Promise<OpenTables> {
  const { DuckDBInstance: Instance } = loadDuckDB();
  const { limits = ownLimits, skipDamaged = false, account, feed, stuck = () => {} } = options;
  let instance: DuckDBInstance | undefined;
  try {
    instance = await Instance.create(':memory:', engineSettings(limits, spill));
    const connection = await instance.connect();
    // Among the settings of a new instance DuckDB 1.5.5 takes it without an error, and without effect.
    await connection.run(`SET max_temp_directory_size = ${quoteText(limits.temporarySpace)}`);
    await shut(
      connection,
      [...snapshot.values()].flatMap(({ files }) => files),
    );
    const openingMs = performance.now() - from;
    const only = { account, feed };
    return tablesOver({ root, instance, connection, snapshot, spill, limits, skipDamaged, only, stuck, openingMs });
  } catch (error) {
    instance?.closeSync();
    throw error instanceof Error ? (limitReached(error.message, limits) ?? error) : error;
  }
}

/**
 * From here on a statement reads the files of the snapshot and nothing else of this machine. Writing to these same paths is not kept off here, but by the gate: DuckDB has no
 * right to read alone.
 */
async function shut(connection: DuckDBConnection, files: readonly LiveFile[]): Promise<void> {
  for (const macro of networkMacros) await connection.run(macro);
  // DuckDB asks for the right to the pattern, and then to the file that it means.
  const paths = new Set(files.flatMap(({ readAs }) => [readAs, patternOf(readAs)]));
  await connection.run(`SET TimeZone = 'UTC'`);
  await connection.run(`SET allowed_paths = [${[...paths].map(quoteText).join(', ')}]`);
  await connection.run(`SET allowed_directories = []`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

/** Makes the views that a statement names, over the files that it needs. @returns those of them that cannot be read */
async function makeViews(
  { instance, connection, root, spill, skipDamaged, only }: OpenParts,
  statement: AdmittedStatement,
  wanted: TablesContent,
): Promise<DamagedFile[]> {
  const judged = judgeFiles(
    [root, spill],
    [...wanted.values()].flatMap(({ files }) => files),
  );
  const damaged = new Map(judged.damaged.map((one) => [one.file, one]));
  if (skipDamaged) for (const one of await findDamaged(instance, judged.sound)) damaged.set(one.file, one);
  const filesOf = (table: string) => (wanted.get(table)?.files ?? []).filter((file) => !damaged.has(file));
  if (damaged.size > 0 && !skipDamaged) return [...damaged.values()];
  const named = statement.views.flatMap((view) => [...viewsReadBy(view, filesOf), view]);
  for (const view of new Set(named)) await connection.run(viewStatement(view, filesOf, only));
  if (statement.listsViews)
    for (const view of viewNames) if (!named.includes(view)) await connection.run(viewStatement(view, () => [], only));
  return [...damaged.values()];
}

/** Opens each file by itself: DuckDB names only the first that it cannot read, and not always that. */
async function findDamaged(instance: DuckDBInstance, files: readonly LiveFile[]): Promise<DamagedFile[]> {
  const found: DamagedFile[] = [];
  // What fails ends the transaction of its connection.
  const connection = await instance.connect();
  try {
    for (const file of files) {
      const fault = await columnFault(connection, file);
      if (fault !== undefined) found.push({ file, path: file.path, fault });
    }
  } finally {
    connection.closeSync();
  }
  return found;
}

/** What keeps a file from being read as its table's. */
async function columnFault(connection: DuckDBConnection, file: LiveFile): Promise<string | undefined> {
  const table = allTables.find(({ name }) => name === file.table);
  if (table === undefined) return undefined;
  try {
    // Types that do not fit are met with the first row.
    await connection.run(`SELECT * FROM (${typedRows(table, [file])}) LIMIT 1`);
    return undefined;
  } catch (error) {
    return `is damaged, or no file of this table (${firstLine(error).replaceAll(file.readAs, 'it')})`;
  }
}

/** What a query needs of the tables that are open. */
interface OpenParts {
  readonly root: string;
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  readonly snapshot: TablesContent;
  readonly spill: string;
  readonly limits: QueryLimits;
  readonly skipDamaged: boolean;
  readonly only: Pick<OpenOptions, 'account' | 'feed'>;
  readonly stuck: (error: CollectorError) => void;
  readonly openingMs: number;
}

function tablesOver(parts: OpenParts): OpenTables {
  const { instance, connection, snapshot, spill, skipDamaged } = parts;
  const damaged = new Map<string, DamagedFile>();
  const note = (found: readonly DamagedFile[]) => {
    for (const one of found) damaged.set(one.path, one);
    if (!skipDamaged) refuseDamaged(found);
  };
  // The views of one statement are made before it begins, and may be made again once it has.
  let turn: Promise<unknown> = Promise.resolve();
  let begun = false;
  /** Within a transaction now() and today() are constant: files are chosen for the instant that the statement means. */
  const begin = async () => {
    await connection.run('BEGIN TRANSACTION');
    begun = true;
  };
  const end = async () => {
    if (begun) await connection.run('ROLLBACK');
    begun = false;
  };
  return {
    snapshot,
    get damaged() {
      return [...damaged.values()];
    },
    query(sql, parameters = []) {
      const answered = turn.then(async () => {
        const worker = new Worker(parts);
        await end();
        const statement = await gate(connection, sql).catch((error) => {
          throw asQueryError(error, parts);
        });
        if (parts.only.account !== undefined) refuseWithoutAccount(statement);
        await begin();
        let wanted = await neededFiles(connection, statement, parameters, snapshot);
        if (wanted === undefined) {
          await end();
          await begin();
          wanted = snapshot;
        }
        const files = [...wanted.values()].flatMap((table) => table.files);
        const lookAtFiles = async () => note(await findDamaged(instance, files));
        const result = await worker.work(async () => {
          note(await makeViews(parts, statement, wanted));
          return start(connection, statement, parameters);
        }, lookAtFiles);
        return { columns: columnsOf(result), rows: rowsOf(result, worker, lookAtFiles) };
      });
      turn = answered.catch(() => {});
      return answered;
    },
    async close() {
      connection.closeSync();
      instance.closeSync();
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

/** Whether the rows of a view belong to no account that they name. */
export function namesNoAccount(view: string): boolean {
  return [deadLetterTable, rawRecordTable, entityTable].some(({ name }) => name === view);
}

/** Rows of other accounts would be among the answer's. */
function refuseWithoutAccount({ views }: AdmittedStatement): void {
  const view = views.find(namesNoAccount);
  if (view === undefined) return;
  throw new CollectorError('USAGE', `The rows of ${view} name no account.`, {
    cure: 'Leave out --account, and ask for an organization or a feed in the statement.',
  });
}

/** Rows that are missing would be a wrong answer: the statement is refused where it reads one of these files. */
function refuseDamaged(damaged: readonly DamagedFile[]): void {
  const [first, ...others] = damaged;
  if (first === undefined) return;
  const more = others.map(({ path, fault }) => `\n${path} ${fault}.`);
  throw new CollectorError('STORAGE_FAILED', `${first.path} ${first.fault}.${more.slice(0, 20).join('')}`, {
    cure: 'Put it back as it was, from a backup. Other tables are answered, and this one without those rows by --skip-damaged.',
    detail: 'damaged',
  });
}

async function start(
  connection: DuckDBConnection,
  { sql }: AdmittedStatement,
  parameters: readonly BoundParameter[],
): Promise<DuckDBResult> {
  const statements = await connection.extractStatements(sql);
  const statement = await statements.prepare(0);
  // The gate has seen to it; should DuckDB read a text in another way than its own parser, this is where it ends.
  const reading = statement.statementType === selectType || statement.statementType === explainType;
  if (statements.count !== 1 || !reading)
    throw new CollectorError('USAGE', 'The tables are only read here.', { cure: 'Use one SELECT.' });
  bindParameters(statement, parameters);
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
  async work<T>(call: () => Promise<T>, lookAtFiles: () => Promise<void>): Promise<T> {
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
      if (over === undefined && isAboutFiles(error)) await lookAtFiles();
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

async function* rowsOf(
  result: DuckDBResult,
  worker: Worker,
  lookAtFiles: () => Promise<void>,
): AsyncGenerator<readonly PlainValue[], void, void> {
  for (;;) {
    const chunk = await worker.work(() => result.fetchChunk(), lookAtFiles);
    if (!chunk || chunk.rowCount === 0) return;
    for (const row of chunk.getRows()) yield row.map(plainValue);
  }
}

/** DuckDB opens most files while it answers, and does not always name the one that it stumbles over. */
function isAboutFiles(error: unknown): boolean {
  if (error instanceof CollectorError || !(error instanceof Error)) return false;
  return /^(IO|Invalid Input|Invalid|Serialization|TProtocolException|Binder|Conversion)\b/.test(error.message);
}

/** DuckDB's refusals are about the statement, unless a limit or a file of the snapshot is what it stumbled over. */
function asQueryError(error: unknown, { limits, snapshot }: OpenParts): unknown {
  if (error instanceof CollectorError || !(error instanceof Error)) return error;
  const limit = limitReached(error.message, limits);
  if (limit) return limit;
  const { message, file } = withPaths(
    error.message,
    [...snapshot.values()].flatMap(({ files }) => files),
  );
  if (file !== undefined || /^IO Error/.test(message))
    return new CollectorError('STORAGE_FAILED', firstLine(message), {
      cure:
        file === undefined
          ? 'Free space in the system’s temporary directory, or look at the disk.'
          : `Put ${file} back as it was, or remove it where it is not ours.`,
      cause: error,
    });
  return new CollectorError('USAGE', message.trim(), {
    cure: meantColumn(message) ?? `There are ${viewNames.join(', ')}; DESCRIBE one of them for its columns.`,
    cause: error,
  });
}

/** The cure for an unknown column, with the one of all views' that it may stand for; undefined for other mistakes. */
function meantColumn(message: string): string | undefined {
  const [, unknown, ofTable] =
    /Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"/.exec(message) ?? [];
  const name = unknown ?? ofTable;
  if (name === undefined) return undefined;
  const flat = flatColumns.map(([column]) => column);
  const alike = nearest(
    name,
    new Set([...flat, ...allTables.flatMap(({ columns }) => columns.map((one) => one.name))]),
  );
  return `${alike === undefined ? '' : `Did you mean ${alike}? `}DESCRIBE a view for its columns.`;
}

/** The text with the file's path for the name by which DuckDB reads it, and that path. */
function withPaths(text: string, files: readonly LiveFile[]): { message: string; file: string | undefined } {
  const named = files.find(({ readAs }) => text.includes(readAs));
  return { message: named ? text.replaceAll(named.readAs, named.path) : text, file: named?.path };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}
