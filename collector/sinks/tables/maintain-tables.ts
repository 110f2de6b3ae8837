import { join } from 'node:path';
import type { Clock } from '../../clock.js';
import { CollectorError, errno } from '../../errors.js';
import { exists } from '../../files/durable-file.js';
import { MISSING_CURE, missingNotice, type Repair, repairLogs } from './append-to-logs.js';
import { addOf, dataFileOf, pathOf } from './data-file.js';
import { commitInfo, removeOf } from './delta/actions.js';
import { Engine, type EngineLimits } from './engine.js';
import { duckdbFault, tablesFailed } from './error-table.js';
import { readRetentions, retentionsOf } from './feed-retention.js';
import { faultOfFile, firstLine, MISSING, RESTORE } from './file-fault.js';
import { LaneFiles } from './lane-files.js';
import { latestPosition } from './lane-state.js';
import { tableStagingDirectory } from './layout.js';
import { mergeFiles, readWhole, withdraw } from './merge-files.js';
import { type MaintenanceRules, type Merge, maintenanceRules, planExpiry, planMerges } from './plan-merges.js';
import { allTables, type Table } from './table-catalog.js';
import { awaitTable, type LockWait, lockTable } from './table-lock.js';
import { TablesLogs } from './tables-logs.js';
import type { LiveFile } from './tables-snapshot.js';
import { findUnneeded, unlinkFiles } from './vacuum.js';

/** What maintaining needs of the program around it. */
export interface MaintenanceSetting {
  readonly directory: string;
  readonly limits: EngineLimits;
  readonly rules?: Partial<MaintenanceRules>;
  readonly clock: Pick<Clock, 'now'>;
  /** What is done; default: all but taking files out of the logs that are missing. */
  readonly parts?: { readonly merge?: boolean; readonly vacuum?: boolean; readonly takeOutMissing?: boolean };
  /** Days expire by the clock alone; default: no day that follows what the live lanes have read. */
  readonly byClock?: boolean;
  /** Called at each step that a crash may follow; tests stop there. */
  readonly checkpoint?: (step: string) => Promise<void>;
  /** Tables that somebody else maintains are waited for, after the others; undefined: they are passed over. */
  readonly wait?: LockWait;
}

/** What was done, over all tables. */
export interface MaintenanceReport {
  /** Lanes whose last commits had not reached the logs. */
  readonly repairs: number;
  /** Files that became fewer, and those that they became. */
  readonly mergedFiles: number;
  readonly mergedInto: number;
  readonly expiredFiles: number;
  /** Files of days that are over by this machine's clock alone: no live lane has read so far. */
  readonly heldFiles: number;
  readonly unlinkedFiles: number;
  readonly unlinkedBytes: number;
  /** Files that are to be merged and were not: a later run goes on. */
  readonly backlog: number;
  /** Tables that somebody else was maintaining. */
  readonly busy: readonly string[];
  /** Missing files that were taken out of the logs. Their rows are gone. */
  readonly goneFiles: readonly { readonly file: string; readonly rows: number }[];
  /** What an operator should read: merges that failed, files that are missing or damaged. Nothing was changed by them. */
  readonly failures: readonly string[];
}

type Counts = { -readonly [Key in keyof MaintenanceReport]: MaintenanceReport[Key] };

/**
 * Maintains the tables of a directory, for all feeds together: brings the logs up to the lanes' states, takes out days
 * that are no longer kept, merges small files, writes checkpoints, and unlinks what no reader needs any more. Each table
 * under its lock, which no commit waits for. May be killed at any moment.
 * @throws CollectorError STORAGE_FAILED, STATE_OUTDATED; LANE_IN_USE where a table is waited for in vain
 */
export async function maintainTables(setting: MaintenanceSetting): Promise<MaintenanceReport> {
  const logs = TablesLogs.of(setting.directory);
  const counts: Counts = {
    repairs: 0,
    mergedFiles: 0,
    mergedInto: 0,
    expiredFiles: 0,
    heldFiles: 0,
    unlinkedFiles: 0,
    unlinkedBytes: 0,
    backlog: 0,
    busy: [],
    goneFiles: [],
    failures: [],
  };
  const { takeOutMissing = false } = setting.parts ?? {};
  const repairs = await repairLogs(logs, setting.clock.now(), takeOutMissing);
  counts.repairs += repairs.filter(isRepaired).length;
  if (takeOutMissing) counts.goneFiles = repairs.flatMap(({ missing }) => missing);
  else counts.failures = repairs.flatMap(missingNotice);
  const known = await logs.tables();
  const maintain = async (table: Table, unlock: () => Promise<void>) => {
    const engine = Engine.of(logs.directory, setting.limits);
    try {
      // A lane that rewrites its events may have died: what it replaced must not be merged.
      await repairLogs(logs, setting.clock.now(), takeOutMissing);
      await new TableMaintenance(logs, table, engine, setting, counts).run();
    } catch (error) {
      // The disk is full, say: what was begun is undone or made up for by the next run.
      throw errno(error) === undefined && duckdbFault(error) !== 'io' ? error : tablesFailed(error, logs.directory);
    } finally {
      await engine.close().finally(unlock);
    }
  };
  const busy: Table[] = [];
  for (const table of allTables.filter(({ name }) => known.includes(name))) {
    let unlock: () => Promise<void>;
    try {
      unlock = await lockTable(logs.directory, table.name);
    } catch (error) {
      if (!(error instanceof CollectorError) || error.code !== 'LANE_IN_USE') throw error;
      busy.push(table);
      continue;
    }
    await maintain(table, unlock);
  }
  const { wait } = setting;
  if (wait) for (const table of busy) await maintain(table, await awaitTable(logs.directory, table.name, wait));
  else counts.busy = busy.map(({ name }) => name);
  return counts;
}

function isRepaired({ unlogged: { files, replaced } }: Repair): boolean {
  return files.length + replaced.length > 0;
}

/** One table, under its lock. */
class TableMaintenance {
  readonly #rules: MaintenanceRules;
  readonly #files: LaneFiles;
  /** Files that cannot be merged. */
  readonly #skipped = new Set<string>();

  constructor(
    private readonly logs: TablesLogs,
    private readonly table: Table,
    private readonly engine: Engine,
    private readonly setting: MaintenanceSetting,
    private readonly counts: Counts,
  ) {
    this.#rules = { ...maintenanceRules, ...setting.rules };
    this.#files = new LaneFiles(logs.directory, tableStagingDirectory(logs.directory, table.name));
  }

  async run(): Promise<void> {
    const { merge = true, vacuum = true, takeOutMissing = false } = this.setting.parts ?? {};
    if (takeOutMissing) await this.#takeOutMissing();
    if (vacuum) await this.#expire();
    if (merge) await this.#mergeAll();
    await this.#checkpoint();
    if (vacuum) await this.#vacuum();
  }

  get #log() {
    return this.logs.log(this.table.name);
  }

  async #step(step: string): Promise<void> {
    await this.setting.checkpoint?.(step);
  }

  async #live(): Promise<LiveFile[]> {
    const { files } = await this.#log.snapshot();
    return [...files.values()].map((add) => {
      const file = dataFileOf(this.table.name, add);
      const path = join(this.logs.directory, file.file);
      return { ...file, table: this.table.name, path, readAs: path };
    });
  }

  async #takeOutMissing(): Promise<void> {
    const missing: LiveFile[] = [];
    for (const file of await this.#live()) if (!(await exists(file.path))) missing.push(file);
    if (missing.length === 0) return;
    await this.#remove(missing);
    this.counts.goneFiles = [...this.counts.goneFiles, ...missing.map(({ path, rows }) => ({ file: path, rows }))];
  }

  async #remove(files: readonly LiveFile[]): Promise<void> {
    const now = this.setting.clock.now();
    await this.#log.change((snapshot) => {
      const removes = files
        .flatMap(({ file }) => snapshot.files.get(pathOf(file)) ?? [])
        .map((add) => removeOf(add, now, true));
      return removes.length === 0 ? [] : [commitInfo('DELETE', now), ...removes];
    });
  }

  async #expire(): Promise<void> {
    const { clock, byClock = false } = this.setting;
    const { directory } = this.logs;
    const now = clock.now();
    const files = await this.#live();
    const retentions = await readRetentions(directory);
    const plan = (moment: number) => planExpiry(files, (file) => retentionsOf(file, directory, retentions), moment);
    // A clock that is ahead must delete nothing: a live lane's position never passes JumpCloud's clock.
    const expired = plan(byClock ? now : Math.min(now, await latestPosition(directory)));
    this.counts.heldFiles += plan(now).length - expired.length;
    if (expired.length === 0) return;
    await this.#remove(expired);
    this.counts.expiredFiles += expired.length;
    await this.#step('maintain:expired');
  }

  async #mergeAll(): Promise<void> {
    // What settles while it merges is the next run's: lanes may commit faster than files are merged.
    const began = this.setting.clock.now();
    for (;;) {
      const plans = await this.#plan(began);
      for (const plan of plans) {
        try {
          await this.#merge(plan);
        } catch (error) {
          await this.#files.clearStaged();
          if (duckdbFault(error) === 'memory') this.#leave(plan.inputs, error);
          if (duckdbFault(error) === 'memory' || (await this.#setAside(plan.inputs))) break;
          this.#fail(`Merging ${plan.inputs.length} files of ${plan.group} failed: ${firstLine(error)}`);
          this.counts.backlog += (await this.#plan(began)).reduce((sum, { inputs }) => sum + inputs.length, 0);
          return;
        }
      }
      if (plans.length === 0) return;
    }
  }

  #fail(message: string): void {
    this.counts.failures = [...this.counts.failures, message];
  }

  #leave(inputs: readonly LiveFile[], error: unknown): void {
    for (const { file } of inputs) this.#skipped.add(file);
    this.#fail(
      `${inputs.length} files of ${inputs[0]?.table} stay as they are: merging them takes too much memory (${firstLine(error)})`,
    );
  }

  /** Leaves the files that cannot be read out of this run's merges. @returns whether there were any */
  async #setAside(inputs: readonly LiveFile[]): Promise<boolean> {
    let found = false;
    for (const file of inputs) {
      const fault = (await faultOfFile(this.engine, file)) ?? (await this.#faultOfRows(file));
      if (fault === undefined) continue;
      found = true;
      this.#skipped.add(file.file);
      this.#fail(`${file.path} ${fault}, so that it is not merged. ${fault === MISSING ? MISSING_CURE : RESTORE}`);
    }
    return found;
  }

  async #faultOfRows(file: LiveFile): Promise<string | undefined> {
    try {
      await readWhole(this.engine, this.table, file, this.#files);
      return undefined;
    } catch (error) {
      // What else fails is about this machine: a full disk, say.
      return duckdbFault(error) === 'io' ? undefined : `cannot be read (${firstLine(error)})`;
    } finally {
      await this.#files.clearStaged();
    }
  }

  async #plan(now: number): Promise<Merge<LiveFile>[]> {
    const retentions = await readRetentions(this.logs.directory);
    const keeps = (file: LiveFile) => [...new Set(retentionsOf(file, this.logs.directory, retentions))].sort().join();
    const files = (await this.#live()).filter(({ file }) => !this.#skipped.has(file));
    return planMerges(files, keeps, now, this.#rules);
  }

  async #merge(plan: Merge<LiveFile>): Promise<void> {
    const merged = await mergeFiles(this.engine, this.table, plan, this.#files);
    await this.#step('maintain:published');
    const now = this.setting.clock.now();
    const paths = plan.inputs.map(({ file }) => pathOf(file));
    let isIn = false;
    await this.#log.change((snapshot) => {
      const inputs = paths.flatMap((path) => snapshot.files.get(path) ?? []);
      // Another program took one of them out meanwhile: its rows must not come back.
      isIn = inputs.length === paths.length;
      if (!isIn) return [];
      return [
        commitInfo('OPTIMIZE', now),
        ...this.logs.schemaActions(this.table.name, snapshot, now),
        ...inputs.map((add) => removeOf(add, now, false)),
        { add: addOf(merged, false) },
      ];
    });
    if (!isIn) {
      await withdraw(this.#files, merged);
      throw new Error('another program removed one of them');
    }
    this.counts.mergedFiles += paths.length;
    this.counts.mergedInto += 1;
    await this.#step('maintain:merged');
  }

  async #checkpoint(): Promise<void> {
    const { version } = await this.#log.snapshot();
    const last = (await this.#log.files.list())?.checkpoints.at(-1)?.version ?? -1;
    if (version - last < this.#rules.versionsPerCheckpoint) return;
    const retention = { logMs: this.#rules.graceMs, removedMs: this.#rules.graceMs };
    await this.#log.checkpoint(this.engine, this.setting.clock.now(), retention);
    await this.#step('maintain:checkpoint');
  }

  async #vacuum(): Promise<void> {
    const unneeded = await findUnneeded(this.logs, this.table.name, this.setting.clock.now(), this.#rules.graceMs);
    await unlinkFiles(
      this.logs.directory,
      unneeded.map(({ file }) => file),
    );
    this.counts.unlinkedFiles += unneeded.length;
    this.counts.unlinkedBytes += unneeded.reduce((sum, { bytes }) => sum + bytes, 0);
    await this.#step('maintain:unlinked');
  }
}
