import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DeadLetter } from '../../../mappings/dead-letter.js';
import { type Clock, systemClock } from '../../clock.js';
import { CollectorError } from '../../errors.js';
import { exists } from '../../files/durable-file.js';
import { fileNameOf } from '../../files/file-name.js';
import { sharedDirectoryNotice } from '../../files/shared-directory.js';
import { isLive } from '../../position/lane-name.js';
import { checkDirectory } from '../files/check-directory.js';
import { type Closable, heldLock } from '../files/held-lock.js';
import { laneNames, peekCursor } from '../files/peek-lanes.js';
import { failedFinding } from '../finding.js';
import type { Sink, SinkFinding } from '../sink.js';
import { type CompactionRules, compactionRules } from './compaction.js';
import { Engine, type EngineLimits } from './engine.js';
import { tablesFailed } from './error-table.js';
import { findDelivered } from './find-delivered.js';
import { isLaneState } from './lane-state.js';
import { stateDirectory } from './layout.js';
import { readDeadLetters } from './read-dead-letters.js';
import { type LaneSetting, TablesLane } from './tables-lane.js';

export interface TablesOptions {
  /** The tables' directory; made if it is missing. */
  readonly directory: string;
  readonly feed: string;
  /** Whole days that stay; undefined: all. */
  readonly keepDays?: number;
  /** DuckDB's memory, as it writes it; default `96MB`. */
  readonly memoryLimit?: string;
  readonly clock?: Pick<Clock, 'now'>;
  /** When files are merged and unlinked; default `compactionRules`. */
  readonly compaction?: Partial<CompactionRules>;
  /** Called with what an operator should read: a state that was restored, a file that is missing. */
  readonly notice?: (message: string) => void;
  /** Called at each step of a commit that a crash may follow; for tests. */
  readonly checkpoint?: (step: string) => Promise<void>;
}

function settingOf(options: TablesOptions): Omit<LaneSetting, 'afterCommit' | 'open'> {
  const directory = resolve(options.directory);
  const notice = options.notice ?? (() => {});
  return {
    directory,
    feed: options.feed,
    limits: { memoryLimit: options.memoryLimit ?? '96MB', threads: 1 },
    keepDays: options.keepDays,
    compaction: { ...compactionRules, ...options.compaction },
    clock: options.clock ?? systemClock,
    checkpoint: options.checkpoint ?? (async () => {}),
    notice,
    lookAtDirectory: sharedDirectoryNotice(directory, notice),
  };
}

/**
 * Parquet tables: `<directory>/<class>/event_day=YYYY-MM-DD/<feed>-<lane>-<number>.parquet`. A visible file never changes.
 * Any number of processes may read; each lane is written by one.
 *
 * `query` sees every committed row once, always. A program that reads the files by a pattern sees committed
 * files only; for the milliseconds in which a merged file takes the place of its inputs it may find a row in both (never
 * in neither), and a file that it listed may be gone when it opens it. `metadata.uid` tells rows apart.
 */
export function createTablesSink(options: TablesOptions): Sink {
  const common = settingOf(options);
  const { directory, clock, compaction, notice } = common;
  const states = stateDirectory(directory, options.feed);
  const open = new Set<Closable>();
  let maintainedAt = clock.now();

  const setting: LaneSetting = {
    ...common,
    open,
    afterCommit: async (lane) => {
      if (!isLive(lane) || clock.now() < maintainedAt + compaction.maintainEveryMs) return;
      maintainedAt = clock.now();
      for (const other of await laneNames(states, isLaneState)) if (other !== lane) await maintain(other);
    },
  };

  /** Maintains a lane that rests, such as a backfill that is done; a running lane maintains itself. */
  async function maintain(name: string): Promise<void> {
    try {
      const cursor = await peekCursor(join(states, fileNameOf(name)), isLaneState);
      const rested = clock.now() - (cursor?.committedAt ?? Number.NaN);
      if (rested > compaction.maintainEveryMs)
        await new TablesLane(name, { ...setting, afterCommit: async () => {} }).maintain();
    } catch (error) {
      if (error instanceof CollectorError && error.code === 'LANE_IN_USE') return;
      notice(`Lane ${name} could not be maintained: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async function* unresolvedDeadLetters(): AsyncGenerator<DeadLetter> {
    if (!(await exists(directory)))
      throw new CollectorError('STORAGE_FAILED', `There are no tables in ${directory}.`, {
        cure: 'Name the directory into which the collector writes (tables.directory), or collect first.',
        detail: 'ENOENT',
      });
    // Whoever reads dead letters need not be allowed to write to the tables' directory.
    const engine = await Engine.unlocked(tmpdir(), common.limits);
    try {
      yield* readDeadLetters(engine, directory, options.feed);
    } finally {
      engine.close();
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
      const base = join(states, fileNameOf(name));
      const engine = await Engine.open(`${base}.held`, `${base}.spill`, common.limits, name);
      return heldLock(open, () => engine.close());
    },
    async close() {
      for (const one of [...open]) await one.close();
    },
    async find(uids, from, to) {
      try {
        return await findDelivered(() => Engine.unlocked(states, common.limits), directory, uids, from, to);
      } catch (error) {
        throw tablesFailed(error, directory);
      }
    },
    async check() {
      const findings = [...(await checkDirectory(directory, 'tables')), await checkEngine()];
      const isSound = findings.every(({ verdict }) => verdict !== 'failed');
      return isSound ? [...findings, ...(await checkLock(directory, common.limits))] : findings;
    },
    unresolvedDeadLetters,
    rewritable: (lane) => new TablesLane(lane, { ...setting, afterCommit: async () => {} }),
  };
}

/** DuckDB comes as a library of the platform: an image of another kind lacks it. */
async function checkEngine(): Promise<SinkFinding> {
  try {
    const { version } = await import('@duckdb/node-api');
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

/** Takes a lock as a lane does, in a directory that is there: a file system may take files and have no locks. */
async function checkLock(directory: string, limits: EngineLimits): Promise<SinkFinding[]> {
  if (!(await exists(directory))) return [];
  const probe = await mkdtemp(join(directory, '.check-'));
  try {
    (await Engine.open(join(probe, 'held'), join(probe, 'spill'), limits, 'check')).close();
    return [{ part: 'lock', verdict: 'ok', message: `a lane below ${directory} can be locked` }];
  } catch (error) {
    return [failedFinding(tablesFailed(error, directory), 'lock')];
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}
