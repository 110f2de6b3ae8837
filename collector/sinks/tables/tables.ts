import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../../clock.js';
import { fileNameOf } from '../file-name.js';
import { laneNames, peekCursor } from '../lane-state.js';
import type { LaneSink, Sink } from '../sink.js';
import { TablesLane } from './lane.js';
import { stateDirectory } from './layout.js';
import { isLaneState } from './state.js';

export interface TablesOptions {
  /** The tables' directory; made if it is missing. */
  readonly directory: string;
  readonly feed: string;
  /** Whole days that stay; undefined: all. */
  readonly keepDays?: number;
  /** DuckDB's memory, as it writes it; default `96MB`. */
  readonly memoryLimit?: string;
  readonly clock?: Pick<Clock, 'now'>;
  /** Told what an operator should read: a state that was restored, a file that is gone. */
  readonly notice?: (message: string) => void;
  /** Called at each step of a commit that a crash may follow; for tests. */
  readonly checkpoint?: (step: string) => Promise<void>;
}

/**
 * Parquet tables: `<directory>/<class>/event_day=YYYY-MM-DD/<feed>-<lane>-<number>.parquet`. A visible file never changes.
 * Any number of processes may read; each lane is written by one.
 */
export function createTablesSink(options: TablesOptions): Sink {
  const directory = resolve(options.directory);
  const states = stateDirectory(directory, options.feed);
  const open = new Set<LaneSink>();
  return {
    kind: 'tables',
    guarantee: 'exactly_once',
    batchSize: 2048,
    target: directory,
    lane(name) {
      const lane = new TablesLane(name, {
        directory,
        feed: options.feed,
        limits: { memoryLimit: options.memoryLimit ?? '96MB', threads: 1 },
        keepDays: options.keepDays,
        clock: options.clock ?? systemClock,
        checkpoint: options.checkpoint ?? (async () => {}),
        notice: options.notice ?? (() => {}),
      });
      open.add(lane);
      return lane;
    },
    peek: (lane) => peekCursor(join(states, fileNameOf(lane)), isLaneState),
    lanes: () => laneNames(states, isLaneState),
    async close() {
      for (const lane of open) await lane.close();
      open.clear();
    },
  };
}
