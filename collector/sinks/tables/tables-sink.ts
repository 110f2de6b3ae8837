import { join, resolve } from 'node:path';
import type { DeadLetter } from '../../../mappings/dead-letter.js';
import { floorToMillisecond, type Instant } from '../../../mappings/instant.js';
import { type Clock, systemClock } from '../../clock.js';
import { CollectorError } from '../../errors.js';
import { exists } from '../../files/durable-file.js';
import { fileNameOf } from '../../files/file-name.js';
import { sharedDirectoryNotice } from '../../files/shared-directory.js';
import { checkDirectory } from '../files/check-directory.js';
import { type Closable, heldLock } from '../files/held-lock.js';
import { laneNames, peekCursor } from '../files/peek-lanes.js';
import { failedFinding } from '../finding.js';
import { proveOnce } from '../second-process.js';
import { type Entity, EXPIRED, type Sink, type SinkFinding } from '../sink.js';
import { missingNotice } from './append-to-logs.js';
import { checkFiles } from './check-files.js';
import { collectorLimits, Engine } from './engine.js';
import { tablesFailed } from './error-table.js';
import { findDelivered } from './find-delivered.js';
import { isLaneState } from './lane-state.js';
import { stateDirectory } from './layout.js';
import { loadDuckDB } from './load-duckdb.js';
import { takeLock } from './lock-file.js';
import { proveTablesLock } from './lock-proof.js';
import type { MaintenanceReport } from './maintain-tables.js';
import type { MaintenanceRequest } from './maintenance-process.js';
import { firstDayKept, maintenanceRules } from './plan-merges.js';
import { readDeadLetters } from './read-dead-letters.js';
import { readEntities } from './read-entities.js';
import { maintainInProcess, repairOnce, scheduleMaintenance } from './schedule-maintenance.js';
import { type LaneSetting, TablesLane } from './tables-lane.js';
import { TablesLogs } from './tables-logs.js';

export interface TablesOptions {
  /** The tables' directory; made if it is missing. */
  readonly directory: string;
  readonly feed: string;
  /** Whole days that stay; undefined: all. */
  readonly keepDays?: number;
  /** DuckDB's memory over all sinks of the directory, as it writes it; default `collectorLimits`. */
  readonly memoryLimit?: string;
  readonly clock?: Pick<Clock, 'now'>;
  /** How the tables are maintained while the collector runs, and how often; default: in a process of its own, `maintenanceRules`. */
  readonly maintain?: (request: MaintenanceRequest) => Promise<MaintenanceReport>;
  readonly maintainEveryMs?: number;
  /** Called with what an operator should read: a state that was restored, a file that is missing. */
  readonly notice?: (message: string) => void;
  /** Called at each step of a commit that a crash may follow; for tests. */
  readonly checkpoint?: (step: string) => Promise<void>;
}

function settingOf(options: TablesOptions): Omit<LaneSetting, 'afterOpen' | 'afterCommit' | 'open' | 'unlogged'> {
  const directory = resolve(options.directory);
  const notice = options.notice ?? (() => {});
  return {
    directory,
    feed: options.feed,
    limits: { ...collectorLimits, ...(options.memoryLimit && { memoryLimit: options.memoryLimit }) },
    keepDays: options.keepDays,
    clock: options.clock ?? systemClock,
    checkpoint: options.checkpoint ?? (async () => {}),
    notice,
    lookAtDirectory: sharedDirectoryNotice(directory, notice),
  };
}

/**
 * Parquet tables: `<directory>/<class>/event_day=YYYY-MM-DD/*.parquet`, described by a Delta Lake log per table
 * (`<class>/_delta_log`), which is what readers read. A file never changes; any number of processes may read; each lane is
 * written by one. Reading the directory past the log is not supported: merged files stay until nobody can need them.
 *
 * @see collector/decisions/0019
 */
export function createTablesSink(options: TablesOptions): Sink {
  const common = settingOf(options);
  const { directory } = common;
  const { maintain = maintainInProcess, maintainEveryMs: everyMs = maintenanceRules.maintainEveryMs } = options;
  const states = stateDirectory(directory, options.feed);
  const open = new Set<Closable>();
  const logs = TablesLogs.of(directory);
  const unlogged = new Map<string, number>();
  const upkeep = { backlog: 0, repairs: 0, failures: 0 };
  const setting: LaneSetting = {
    ...common,
    open,
    unlogged: (lane, files) => void unlogged.set(lane, files),
    async afterOpen() {
      try {
        const repairs = await repairOnce(logs, common.clock.now());
        upkeep.repairs += repairs.length;
        for (const message of repairs.flatMap(missingNotice)) common.notice(message);
      } catch (error) {
        common.notice(`The tables’ logs could not be brought up to every lane: ${messageOf(error)}`);
      }
    },
    async afterCommit() {
      const setting = { directory, limits: common.limits, everyMs, maintain };
      scheduleMaintenance(setting, (result) => {
        if ('report' in result) {
          upkeep.backlog = result.report.backlog;
          upkeep.repairs += result.report.repairs;
        }
        const failures =
          'error' in result ? [`Maintaining the tables failed: ${messageOf(result.error)}`] : result.report.failures;
        upkeep.failures += failures.length;
        for (const failure of failures) common.notice(`${failure}. It is tried again.`);
      });
    },
  };

  async function* currentEntities(types: readonly string[]): AsyncGenerator<Entity> {
    if (!(await exists(directory))) return;
    const engine = Engine.unshared(common.limits);
    try {
      yield* readEntities(engine, directory, options.feed, types);
    } finally {
      await engine.close();
    }
  }

  async function* unresolvedDeadLetters(): AsyncGenerator<DeadLetter> {
    if (!(await exists(directory)))
      throw new CollectorError('STORAGE_FAILED', `There are no tables in ${directory}.`, {
        cure: 'Name the directory into which the collector writes (tables.directory), or collect first.',
        detail: 'ENOENT',
      });
    // Whoever reads dead letters need not be allowed to write to the tables' directory.
    const engine = Engine.unshared(common.limits);
    try {
      yield* readDeadLetters(engine, directory, options.feed);
    } finally {
      await engine.close();
    }
  }

  return {
    kind: 'tables',
    guarantee: 'exactly_once',
    // Two pages of the usual size.
    batchSize: 2000,
    target: directory,
    carriesEntities: true,
    lane(name) {
      return new TablesLane(name, setting);
    },
    peek: (lane) => peekCursor(join(states, fileNameOf(lane)), isLaneState),
    lanes: () => laneNames(states, isLaneState),
    async lock(name) {
      return heldLock(open, await takeLock(join(states, `${fileNameOf(name)}.held`), name));
    },
    async close() {
      for (const one of [...open]) await one.close();
    },
    async find(uids, from, to) {
      refuseExpired(uids, from, options.keepDays, common.clock.now());
      try {
        return await findDelivered(() => Engine.of(directory, common.limits), directory, uids, from, to);
      } catch (error) {
        throw tablesFailed(error, directory);
      }
    },
    upkeep: () => ({ ...upkeep, unlogged: [...unlogged.values()].reduce((sum, files) => sum + files, 0) }),
    async check() {
      const findings = [...(await checkDirectory(directory, 'tables')), await checkEngine()];
      const isSound = findings.every(({ verdict }) => verdict !== 'failed');
      return isSound ? [...findings, ...(await checkLock(directory)), ...(await checkFiles(directory))] : findings;
    },
    prove: () => proveOnce('tables', states, proveTablesLock),
    unresolvedDeadLetters,
    currentEntities,
    rewritable: (lane) => new TablesLane(lane, setting),
  };
}

/** @throws CollectorError SINK_REFUSED for a range that begins on a day that is no longer kept */
function refuseExpired(uids: readonly string[], from: Instant, keepDays: number | undefined, now: number): void {
  if (uids.length === 0 || keepDays === undefined) return;
  const first = firstDayKept(keepDays, now);
  if (floorToMillisecond(from) >= Date.parse(first)) return;
  throw new CollectorError(
    'SINK_REFUSED',
    `The tables keep ${keepDays} days: what they held before ${first} is gone.`,
    {
      cure: 'Name a range that begins later, or raise tables.keepDays.',
      detail: EXPIRED,
    },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** DuckDB comes as a library of the platform: an image of another kind lacks it. */
async function checkEngine(): Promise<SinkFinding> {
  try {
    const { version } = loadDuckDB();
    return { part: 'duckdb', verdict: 'ok', message: `${version()} is there` };
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    const failure = new CollectorError(
      'STORAGE_FAILED',
      `DuckDB, which writes the tables, cannot be loaded: ${reason}`,
      {
        cure: `Install the dependencies for this platform (${process.platform} ${process.arch}) with npm ci.`,
        cause: error,
      },
    );
    return failedFinding(failure, 'duckdb');
  }
}

/** Whether a lane can be locked, in a directory that is there: a file system may take files and have no locks. */
async function checkLock(directory: string): Promise<SinkFinding[]> {
  if (!(await exists(directory))) return [];
  try {
    await proveTablesLock(directory);
    return [{ part: 'lock', verdict: 'ok', message: `a lane below ${directory} can be locked` }];
  } catch (error) {
    return [failedFinding(tablesFailed(error, directory), 'lock')];
  }
}
