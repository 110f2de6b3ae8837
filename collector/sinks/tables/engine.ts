import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBValue, Json } from '@duckdb/node-api';
import { errno, isMissing, makeDirectory, syncDirectory, syncFile } from '../../files/durable-file.js';
import { laneInUse, lockInProcess } from '../in-process-lock.js';
import { type PlainValue, plainValue } from './duckdb-value.js';
import { duckdbFault, lockHolder, tablesFailed } from './error-table.js';
import { loadDuckDB } from './load-duckdb.js';

/** How much of the machine DuckDB may take. */
export interface EngineLimits {
  /** As DuckDB writes it, e.g. `96MB`. */
  readonly memoryLimit: string;
  readonly threads: number;
}

/**
 * DuckDB, for one lane or one question. A lane's engine is also its lock: the database file holds nothing, but while it is
 * open the operating system keeps every other process from opening it, and frees it at once when this process dies,
 * however it dies.
 */
export class Engine {
  #closed = false;

  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly closed: () => void,
  ) {}

  /**
   * @param lockDirectory of the lock's own; made if missing
   * @param temporaryDirectory where DuckDB spills
   * @throws CollectorError LANE_IN_USE where the lock is held, STORAGE_FAILED where the file cannot be made.
   */
  static async open(
    lockDirectory: string,
    temporaryDirectory: string,
    limits: EngineLimits,
    lane: string,
  ): Promise<Engine> {
    const { DuckDBInstance: Instance } = loadForLane();
    await makeDirectory(dirname(lockDirectory));
    const held = join(await realpath(dirname(lockDirectory)), basename(lockDirectory));
    const free = lockInProcess(held, lane);
    try {
      await makeLockFile(lockDirectory, Instance);
      const lockFile = join(lockDirectory, LOCK_FILE);
      const instance = await Instance.create(lockFile, options(temporaryDirectory, limits));
      return new Engine(instance, await instance.connect(), free);
    } catch (error) {
      free();
      if (duckdbFault(error) === 'locked') throw laneInUse(lane, lockHolder(error));
      throw tablesFailed(error, dirname(lockDirectory));
    }
  }

  /**
   * An engine that holds no lock: for questions, whoever has the lanes open. Takes about 10 ms to open.
   * @param spillRoot where DuckDB makes a directory of this engine's own, should it spill
   */
  static async unlocked(spillRoot: string, limits: EngineLimits): Promise<Engine> {
    const { DuckDBInstance: Instance } = loadForLane();
    const spill = join(spillRoot, `.spill-${randomUUID()}`);
    const instance = await Instance.create(':memory:', options(spill, limits));
    return new Engine(instance, await instance.connect(), () => rmSync(spill, { recursive: true, force: true }));
  }

  /** Runs one statement for its effect. */
  async run(sql: string, values?: DuckDBValue[]): Promise<void> {
    await this.connection.run(sql, values);
  }

  /** Runs one statement and reads all its rows. */
  async rows(sql: string, values?: DuckDBValue[]): Promise<Json[][]> {
    return (await this.connection.runAndReadAll(sql, values)).getRowsJson();
  }

  /** Runs one statement on a connection of its own and gives its rows by column name as they are read. */
  async *stream(sql: string): AsyncGenerator<Readonly<Record<string, PlainValue>>, void, void> {
    const connection = await this.instance.connect();
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

  /** Frees the lock. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.connection.closeSync();
    this.instance.closeSync();
    this.closed();
  }
}

function options(temporaryDirectory: string, { memoryLimit, threads }: EngineLimits): Record<string, string> {
  return {
    memory_limit: memoryLimit,
    threads: String(threads),
    temp_directory: temporaryDirectory,
    // Written in the order in which the rows come: there is one thread, and nothing is kept to restore an order.
    preserve_insertion_order: 'false',
    // Freed pages go back to the system instead of swelling the collector between two commits.
    allocator_flush_threshold: '4MB',
    allocator_bulk_deallocation_flush_threshold: '4MB',
    enable_external_file_cache: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  };
}

/**
 * DuckDB's allocator keeps freed pages for seconds, which a collector that commits every second never gives back: measured
 * over a backfill of 40,000 records, 228 MiB at the peak, 206 when they go back at once, in the same time.
 * The allocator (jemalloc) reads its settings when the library is loaded; what an operator has set stays.
 */
function loadForLane(): typeof import('@duckdb/node-api') {
  process.env.DUCKDB_JE_MALLOC_CONF ??= 'dirty_decay_ms:0,muzzy_decay_ms:0';
  return loadDuckDB();
}

/** The database file in a lock's directory. */
const LOCK_FILE = 'lock';

/**
 * Makes the database file whole in a directory of another name first: a process killed while making it must not leave half
 * of one. A directory does not take the place of one that holds a file, so of several processes one makes the lock; unlike
 * a hard link, every file system that is written to can rename a directory.
 */
async function makeLockFile(lockDirectory: string, instances: typeof DuckDBInstance): Promise<void> {
  const directory = dirname(lockDirectory);
  try {
    await realpath(join(lockDirectory, LOCK_FILE));
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const staging = await mkdtemp(join(directory, '.lock-'));
  try {
    const made = join(staging, LOCK_FILE);
    (await instances.create(made)).closeSync();
    await syncFile(made);
    await rename(staging, lockDirectory);
    await syncDirectory(directory);
  } catch (error) {
    // Another process was faster: its file serves as well.
    if (!['ENOTEMPTY', 'EEXIST'].includes(errno(error) ?? '')) throw error;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
