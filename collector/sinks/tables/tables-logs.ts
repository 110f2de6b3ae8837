import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CollectorError } from '../../errors.js';
import { exists, makeDirectory, namesIn } from '../../files/durable-file.js';
import { addOf, type DataFile, fieldsOf, pathOf } from './data-file.js';
import { type Action, commitInfo, type MetaData, removeOf } from './delta/actions.js';
import { type Field, parseSchema, schemaText, TypeConflict, unionOf } from './delta/schema.js';
import { PROTOCOL, TableLog } from './delta/table-log.js';
import type { TableSnapshot } from './delta/table-snapshot.js';
import { Engine } from './engine.js';
import { logDirectory, tableStateDirectory } from './layout.js';
import { takeLock } from './lock-file.js';
import { RETENTION_MS } from './plan-merges.js';
import { allTables } from './table-catalog.js';

/** A statement about a checkpoint needs little. */
const limits = { memoryLimit: '64MB', threads: 1 };

const fieldsByTable = new Map(allTables.map(({ name, columns }) => [name, fieldsOf(columns)]));
const shared = new Map<string, TablesLogs>();

/** The logs of the tables in one directory, one object per process so that each version is read once. */
export class TablesLogs {
  readonly #logs = new Map<string, TableLog>();
  /** Of logs that name every column of this program's table. */
  readonly #fitting = new WeakSet<MetaData>();

  private constructor(readonly directory: string) {}

  static of(directory: string): TablesLogs {
    const path = resolve(directory);
    const known = shared.get(path) ?? new TablesLogs(path);
    shared.set(path, known);
    return known;
  }

  /** The log of a table, whether or not it has one yet. */
  log(table: string): TableLog {
    const known = this.#logs.get(table) ?? this.#make(table);
    this.#logs.set(table, known);
    return known;
  }

  /** Names of this program's tables that have a log. */
  async tables(): Promise<string[]> {
    const names: string[] = [];
    for (const name of await namesIn(this.directory))
      if (fieldsByTable.has(name) && (await exists(logDirectory(this.directory, name)))) names.push(name);
    return names.sort();
  }

  /**
   * The newest snapshot of every table that has a log.
   * @throws CollectorError STORAGE_FAILED for a log that is damaged, foreign or newer
   */
  async snapshots(): Promise<ReadonlyMap<string, TableSnapshot>> {
    const names = await this.tables();
    const snapshots = await Promise.all(names.map((name) => this.log(name).snapshot()));
    const begun = names.flatMap((name, index) => {
      const snapshot = snapshots[index];
      return snapshot === undefined || snapshot.version < 0 ? [] : [[name, snapshot] as const];
    });
    for (const [name, snapshot] of begun) this.fields(name, snapshot);
    return new Map(begun);
  }

  /**
   * The columns of a table as its log names them.
   * @throws CollectorError STORAGE_FAILED for a log that this program did not begin
   */
  fields(table: string, { metaData }: TableSnapshot): readonly Field[] {
    const fields = metaData && parseSchema(metaData.schemaString);
    const isOurs = metaData?.partitionColumns.join() === 'event_day' && fields?.some(({ name }) => name === 'time_dt');
    if (fields && isOurs) return fields;
    throw this.#foreign(table, 'has columns that are not the table’s');
  }

  /**
   * The actions that make the log name at least this program's columns of the table: the first version of a log, a new
   * schema, or none.
   * @throws CollectorError STORAGE_FAILED where the log gives a column another type
   */
  schemaActions(table: string, snapshot: TableSnapshot, now: number): Action[] {
    const ours = fieldsByTable.get(table) ?? [];
    if (snapshot.metaData === undefined)
      return [{ protocol: PROTOCOL }, { metaData: newMetaData(table, schemaText(ours), now) }];
    if (this.#fitting.has(snapshot.metaData)) return [];
    const known = this.fields(table, snapshot);
    try {
      const union = schemaText(unionOf(known, ours));
      if (union !== schemaText(known)) return [{ metaData: { ...snapshot.metaData, schemaString: union } }];
      this.#fitting.add(snapshot.metaData);
      return [];
    } catch (error) {
      if (!(error instanceof TypeConflict)) throw error;
      throw this.#foreign(table, `gives ${error.message} another type than this program does`);
    }
  }

  #make(table: string): TableLog {
    return new TableLog(logDirectory(this.directory, table), {
      withEngine: async (work) => {
        const engine = Engine.unshared(limits);
        try {
          return await work(engine);
        } finally {
          await engine.close();
        }
      },
      exclusively: (work) => this.#exclusively(table, work),
    });
  }

  async #exclusively<T>(table: string, work: () => Promise<T>): Promise<T> {
    const directory = tableStateDirectory(this.directory, table);
    await makeDirectory(directory);
    for (let attempt = 1; ; attempt++)
      try {
        const unlock = await takeLock(join(directory, 'log.held'), table);
        try {
          return await work();
        } finally {
          await unlock();
        }
      } catch (error) {
        if (!(error instanceof CollectorError) || error.code !== 'LANE_IN_USE' || attempt === 200) throw error;
        await sleep(5 + Math.random() * 20);
      }
  }

  #foreign(table: string, what: string): CollectorError {
    return new CollectorError('STORAGE_FAILED', `The log ${logDirectory(this.directory, table)} ${what}.`, {
      cure: 'It was begun by another program: name a directory of this program’s own (tables.directory).',
      detail: 'log',
    });
  }
}

/** Actions that append files to a table and take others out, except for what its log has seen already. */
export function appendActions(
  snapshot: TableSnapshot,
  lane: string,
  files: readonly DataFile[],
  replaced: readonly string[],
  now: number,
): Action[] {
  const done = snapshot.txns.get(lane)?.version ?? 0;
  const adds = files.filter(
    (file) =>
      (file.lanes[lane] ?? 0) > done &&
      !snapshot.files.has(pathOf(file.file)) &&
      !snapshot.removed.has(pathOf(file.file)),
  );
  const removes = replaced.map(pathOf).flatMap((path) => snapshot.files.get(path) ?? []);
  if (adds.length === 0 && removes.length === 0) return [];
  const version = Math.max(done, ...adds.map((file) => file.lanes[lane] ?? 0));
  return [
    commitInfo('WRITE', now, removes.length === 0),
    ...removes.map((add) => removeOf(add, now, true)),
    ...adds.map((file) => ({ add: addOf(file, true) })),
    { txn: { appId: lane, version, lastUpdated: now } },
    ...(removes.length === 0 ? [] : [{ txn: { appId: rewritesOf(lane), version, lastUpdated: now } }]),
  ];
}

/** The `appId` under which a log keeps the number of a lane's last commit that took files out. */
export function rewritesOf(lane: string): string {
  return `${lane}#rewrite`;
}

function newMetaData(table: string, schemaString: string, createdTime: number): MetaData {
  return {
    id: crypto.randomUUID(),
    name: table,
    format: { provider: 'parquet', options: {} },
    schemaString,
    partitionColumns: ['event_day'],
    configuration: {
      'delta.deletedFileRetentionDuration': `interval ${RETENTION_MS / 60_000} minutes`,
      'delta.logRetentionDuration': `interval ${RETENTION_MS / 60_000} minutes`,
    },
    createdTime,
  };
}
