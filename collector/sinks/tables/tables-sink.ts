import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../../clock.js';
import { CollectorError } from '../../errors.js';
import { fileNameOf } from '../../files/file-name.js';
import { laneNames, peekCursor } from '../files/peek-lanes.js';
import type { LaneSink, Sink } from '../sink.js';
import { type UpkeepRules, upkeepRules } from './compaction.js';
import { isLaneState } from './lane-state.js';
import { stateDirectory } from './layout.js';
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
  /** When files are merged and unlinked; default `upkeepRules`. */
  readonly upkeep?: Partial<UpkeepRules>;
  /** Told what an operator should read: a state that was restored, a file that is gone. */
  readonly notice?: (message: string) => void;
  /** Called at each step of a commit that a crash may follow; for tests. */
  readonly checkpoint?: (step: string) => Promise<void>;
}

/** One lane by itself, for what only tables can do with a lane that nobody runs. */
export function openableLane(options: TablesOptions, name: string): TablesLane {
  return new TablesLane(name, { ...settingOf(options), open: new Set(), afterCommit: async () => {} });
}

function settingOf(options: TablesOptions): Omit<LaneSetting, 'afterCommit' | 'open'> {
  return {
    directory: resolve(options.directory),
    feed: options.feed,
    limits: { memoryLimit: options.memoryLimit ?? '96MB', threads: 1 },
    keepDays: options.keepDays,
    upkeep: { ...upkeepRules, ...options.upkeep },
    clock: options.clock ?? systemClock,
    checkpoint: options.checkpoint ?? (async () => {}),
    notice: options.notice ?? (() => {}),
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
  const { directory, clock, upkeep, notice } = common;
  const states = stateDirectory(directory, options.feed);
  const open = new Set<LaneSink>();
  let tended = clock.now();

  const setting: LaneSetting = {
    ...common,
    open,
    afterCommit: async (lane) => {
      if (lane !== 'live' || clock.now() < tended + upkeep.tendEveryMs) return;
      tended = clock.now();
      for (const other of await laneNames(states, isLaneState)) if (other !== lane) await tend(other);
    },
  };

  /** Looks after a lane that rests, such as a backfill that is done; one that is running looks after itself. */
  async function tend(name: string): Promise<void> {
    try {
      const cursor = await peekCursor(join(states, fileNameOf(name)), isLaneState);
      const rested = clock.now() - Date.parse(cursor?.committedAt ?? '');
      if (rested > upkeep.tendEveryMs) await new TablesLane(name, { ...setting, afterCommit: async () => {} }).tend();
    } catch (error) {
      if (error instanceof CollectorError && error.code === 'LANE_IN_USE') return;
      notice(`Lane ${name} could not be looked after: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  return {
    kind: 'tables',
    guarantee: 'exactly_once',
    // Two pages of the usual size.
    batchSize: 2000,
    target: directory,
    lane(name) {
      return new TablesLane(name, setting);
    },
    peek: (lane) => peekCursor(join(states, fileNameOf(lane)), isLaneState),
    lanes: () => laneNames(states, isLaneState),
    async close() {
      for (const lane of [...open]) await lane.close();
    },
  };
}
