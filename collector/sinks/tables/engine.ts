import { resolve } from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBValue, Json } from '@duckdb/node-api';
import { type PlainValue, plainValue } from './duckdb-value.js';
import { duckdbFault } from './error-table.js';
import { engineDirectory } from './layout.js';
import { loadForTables } from './load-duckdb.js';
import { lockedSpill, type SpillDirectory, temporarySpill } from './spill-directory.js';
import { StatementQueue } from './statement-queue.js';

/** How much of the machine DuckDB may take. */
export interface EngineLimits {
  /** As DuckDB writes it, e.g. `96MB`. */
  readonly memoryLimit: string;
  readonly threads: number;
}

/** What a running collector writes and searches with, over all its feeds. */
export const collectorLimits: EngineLimits = { memoryLimit: '96MB', threads: 1 };

/** Those in use, by directory and limits. */
const shared = new Map<string, DuckDB>();

/** A use of DuckDB: it runs statements, each on a connection of its own. */
export class Engine {
  #closed = false;

  private constructor(
    private readonly shared: DuckDB,
    private readonly leave: () => Promise<void>,
  ) {}

  /**
   * An engine for writers below a tables' directory: all in this process with the same limits share one DuckDB,
   * and its memory. It is opened for the first statement, and closed with the last engine.
   */
  static of(directory: string, limits: EngineLimits): Engine {
    const place = engineDirectory(resolve(directory));
    const key = [place, limits.memoryLimit, limits.threads].join('\n');
    const duckdb = shared.get(key) ?? new DuckDB(limits, () => lockedSpill(place));
    shared.set(key, duckdb);
    duckdb.users += 1;
    return new Engine(duckdb, async () => {
      duckdb.users -= 1;
      if (duckdb.users > 0) return;
      shared.delete(key);
      await duckdb.close();
    });
  }

  /** A DuckDB of its own that writes nothing below the tables' directory: for questions. Takes about 10 ms to open. */
  static unshared(limits: EngineLimits): Engine {
    const duckdb = new DuckDB(limits, temporarySpill);
    return new Engine(duckdb, () => duckdb.close());
  }

  get #duckdb(): DuckDB {
    // The lock that went with it is free: what another lane of the process has open is not this one's to use.
    if (this.#closed) throw new Error('This engine is closed');
    return this.shared;
  }

  /** Runs one statement for its effect; one that another's memory made fail runs again, alone. */
  async run(sql: string, values?: DuckDBValue[]): Promise<void> {
    await this.#duckdb.statement((connection) => connection.run(sql, values));
  }

  /** Runs one statement, as `run`, and reads all its rows. */
  async rows(sql: string, values?: DuckDBValue[]): Promise<Json[][]> {
    return this.#duckdb.statement(async (connection) => (await connection.runAndReadAll(sql, values)).getRowsJson());
  }

  /** Runs one statement and gives its rows by column name as they are read. */
  async *stream(sql: string): AsyncGenerator<Readonly<Record<string, PlainValue>>, void, void> {
    const connection = await this.#duckdb.connect();
    try {
      const result = await connection.stream(sql);
      const names = result.deduplicatedColumnNames();
      for await (const rows of result.yieldRows())
        for (const row of rows)
          yield Object.fromEntries(names.map((name, index) => [name, plainValue(row[index] ?? null)]));
    } finally {
      connection.closeSync();
    }
  }

  /** May be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.leave();
  }
}

/** A DuckDB that runs the statements of several users side by side. */
class DuckDB {
  users = 0;
  readonly #queue = new StatementQueue();
  #spill: SpillDirectory | undefined;
  /** Of invalidated instances: statements may still run in them. */
  readonly #retired: SpillDirectory[] = [];
  #instance: Promise<DuckDBInstance> | undefined;

  constructor(
    private readonly limits: EngineLimits,
    private readonly takeSpill: () => Promise<SpillDirectory>,
  ) {}

  async statement<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const run = () => this.#connected(work);
    const { ended, exclusive } = await this.#queue.runConcurrently(run);
    if (ended.status === 'fulfilled') return ended.value;
    // A concurrent statement took the memory, or invalidated the instance.
    const fault = duckdbFault(ended.reason);
    if (!exclusive && (fault === 'memory' || fault === 'broken')) return this.#queue.runExclusively(run);
    throw ended.reason;
  }

  async connect(): Promise<DuckDBConnection> {
    this.#instance ??= this.#open();
    return (await this.#instance).connect();
  }

  async close(): Promise<void> {
    const [instance] = await Promise.allSettled([this.#instance]);
    if (instance.status === 'fulfilled') instance.value?.closeSync();
    await Promise.all([...this.#retired, ...(this.#spill ? [this.#spill] : [])].map((spill) => spill.free()));
  }

  async #connected<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.connect();
    const instance = this.#instance;
    try {
      return await work(connection);
    } catch (error) {
      // It takes no more statements, of anybody: the next one opens another.
      if (duckdbFault(error) === 'broken' && this.#instance === instance) {
        this.#instance = undefined;
        if (this.#spill) this.#retired.push(this.#spill);
        this.#spill = undefined;
        (await instance)?.closeSync();
      }
      throw error;
    } finally {
      connection.closeSync();
    }
  }

  async #open(): Promise<DuckDBInstance> {
    try {
      this.#spill ??= await this.takeSpill();
      return await loadForTables().DuckDBInstance.create(':memory:', optionsOf(this.#spill.path, this.limits));
    } catch (error) {
      this.#instance = undefined;
      throw error;
    }
  }
}

function optionsOf(temporaryDirectory: string, { memoryLimit, threads }: EngineLimits): Record<string, string> {
  return {
    memory_limit: memoryLimit,
    threads: String(threads),
    temp_directory: temporaryDirectory,
    // Written in the order in which the rows come: a statement has one thread, and nothing is kept to restore an order.
    preserve_insertion_order: 'false',
    // Freed pages go back to the system instead of swelling the collector between two commits.
    allocator_flush_threshold: '4MB',
    allocator_bulk_deallocation_flush_threshold: '4MB',
    enable_external_file_cache: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  };
}
