import { link, mkdtemp, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBValue, Json } from '@duckdb/node-api';
import { CollectorError } from '../../errors.js';
import { errno, isMissing, makeDirectory, storageFailed, syncDirectory, syncFile } from '../../files/durable-file.js';
import { type PlainValue, plainValue } from './duckdb-value.js';

/** How much of the machine DuckDB may take. */
export interface EngineLimits {
  /** As DuckDB writes it, e.g. `96MB`. */
  readonly memoryLimit: string;
  readonly threads: number;
}

/** fcntl locks do not exclude within one process: these lock files are held by this one. */
const heldHere = new Set<string>();

/**
 * DuckDB behind a lane's lock: the database file holds nothing, but while it is open the operating system keeps every
 * other process from opening it, and frees it at once when this process dies, however it dies.
 */
export class Engine {
  private constructor(
    private readonly lockFile: string,
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
  ) {}

  /**
   * @param temporaryDirectory where DuckDB spills
   * @throws CollectorError LANE_IN_USE where the lock is held, STORAGE_FAILED where the file cannot be made.
   */
  static async open(lockFile: string, temporaryDirectory: string, limits: EngineLimits, lane: string): Promise<Engine> {
    const { DuckDBInstance: Instance } = await loadDuckDB();
    await makeDirectory(dirname(lockFile));
    const held = join(await realpath(dirname(lockFile)), basename(lockFile));
    if (heldHere.has(held)) throw laneInUse(lane, 'this process');
    heldHere.add(held);
    try {
      await makeLockFile(lockFile, Instance);
      const instance = await Instance.create(lockFile, {
        memory_limit: limits.memoryLimit,
        threads: String(limits.threads),
        temp_directory: temporaryDirectory,
        // Written in the order in which the rows come: there is one thread, and nothing is kept to restore an order.
        preserve_insertion_order: 'false',
        // Freed pages go back to the system instead of swelling the collector between two commits.
        allocator_flush_threshold: '4MB',
        allocator_bulk_deallocation_flush_threshold: '4MB',
        enable_external_file_cache: 'false',
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
      });
      return new Engine(held, instance, await instance.connect());
    } catch (error) {
      heldHere.delete(held);
      const holder = /Could not set lock on file.*?(?:PID (\d+)|$)/s.exec(error instanceof Error ? error.message : '');
      if (holder) throw laneInUse(lane, holder[1] === undefined ? 'another process' : `process ${holder[1]}`);
      throw storageFailed(error, dirname(lockFile));
    }
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

  /** Frees the lock. */
  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
    heldHere.delete(this.lockFile);
  }
}

/**
 * DuckDB's allocator keeps freed pages for seconds, which a collector that commits every second never gives back: measured
 * over a backfill of 40,000 records, 228 MiB at the peak, 206 when they go back at once, in the same time.
 * The allocator (jemalloc) reads its settings when the library is loaded; what an operator has set stays.
 */
async function loadDuckDB(): Promise<typeof import('@duckdb/node-api')> {
  process.env.DUCKDB_JE_MALLOC_CONF ??= 'dirty_decay_ms:0,muzzy_decay_ms:0';
  return import('@duckdb/node-api');
}

/** Makes the database file whole under another name first: a process killed while making it must not leave half of one. */
async function makeLockFile(lockFile: string, instances: typeof DuckDBInstance): Promise<void> {
  const directory = dirname(lockFile);
  try {
    await realpath(lockFile);
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const aside = await mkdtemp(join(directory, '.lock-'));
  try {
    const made = join(aside, 'lock');
    (await instances.create(made)).closeSync();
    await syncFile(made);
    await link(made, lockFile);
    await syncDirectory(directory);
  } catch (error) {
    // Another process was faster: its file serves as well.
    if (errno(error) !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

function laneInUse(lane: string, holder: string): CollectorError {
  return new CollectorError('LANE_IN_USE', `Lane ${lane} is in use by ${holder}.`, {
    cure: 'Let the running collector do the work, or stop it first.',
    detail: holder,
  });
}
