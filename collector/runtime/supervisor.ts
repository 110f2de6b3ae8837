import type { ConfiguredFeed, InvalidFeed } from '../config/configured-feed.js';
import type { SharedConfig } from '../config/feed-config.js';
import type { RootLog } from '../log/logger.js';
import type { ActivityRange, ActivitySeries } from '../monitoring/activity.js';
import type { LogLine } from '../monitoring/log-ring.js';
import type { Metrics } from '../monitoring/metrics.js';
import type { StatusBoard } from '../monitoring/status/board.js';
import type { FeedView } from '../monitoring/status/feed-status.js';
import type { SupervisionView } from '../monitoring/status/supervision.js';
import type { RepairQueue } from '../reconcile/repair-queue.js';

/*
 * The feeds of one `run`: each starts, stops, is replaced and is woken alone. Times of views are RFC 3339 in UTC.
 *
 * A feed is written down in one place: the configuration file, `feeds.directory/NAME.yaml` (both the operator's, read-only
 * here), or `<console.directory>/feeds.d/NAME.yaml` (the console's). Whoever changes a file calls `reload`, which applies
 * the difference and nothing else. `start`, `replace` and `stop` take a feed that was read by `readFeed`.
 */

/** A feed as the supervisor knows it. */
export interface SupervisedFeed extends SupervisionView {
  /** In force, or to be started; null: its file was never valid in this process. */
  readonly configured: ConfiguredFeed | null;
  /** What /status shows of it; null: it has not run in this process. */
  readonly view: FeedView | null;
}

/**
 * What a change did. live: taken over in place (contact, owners, description, account, health, respond); restarted, started,
 * stopped: as said; stopping: the sink has not let go within five seconds, what was asked for follows by itself; paused:
 * noted, in force once resumed; unchanged; invalid.
 */
export type Applied =
  | 'started'
  | 'restarted'
  | 'live'
  | 'stopped'
  | 'stopping'
  | 'removed'
  | 'paused'
  | 'unchanged'
  | 'invalid';

/** What a reload did, feed by feed. */
export interface ReloadReport {
  readonly applied: ReadonlyMap<string, Applied>;
  /** Why the set in force stays: the operator's own file, or a directory, cannot be read. */
  readonly refused: { readonly message: string; readonly cure: string } | undefined;
}

/**
 * Starts, stops, replaces and wakes feeds one by one. Where a name is not known: undefined, false, or a promise that is
 * rejected with USAGE.
 */
export interface Supervisor {
  /** In the order of the configuration: file, directory, managed. */
  list(): readonly SupervisedFeed[];
  find(name: string): SupervisedFeed | undefined;
  /** Starts a feed of a new name. @throws CollectorError USAGE where the name is taken, whatever its case */
  start(feed: ConfiguredFeed): Promise<Applied>;
  /** Replaces what is in force: in place where that is enough, else stop and start from the committed position. */
  replace(name: string, feed: ConfiguredFeed): Promise<Applied>;
  /** Stops it; it stays in the list. Waits five seconds at most. */
  stop(name: string, reason: string): Promise<Applied>;
  /** Stops it and starts it again. */
  restart(name: string, reason: string): Promise<Applied>;
  /** Stops it and forgets it with its series and status. Tables, topics, position and history stay. */
  remove(name: string, reason: string): Promise<Applied>;
  /** Poll now. False: it does not run. */
  wake(name: string): boolean;
  /** Stops it until `resume`, or until `until`; lasts over restarts. */
  pause(name: string, pause: { by: string; reason: string; until?: string }): Promise<Applied>;
  /** Goes on from the position, which nothing has touched. */
  resume(name: string, by: string): Promise<Applied>;
  /** Reads all places again and applies the difference. */
  reload(): Promise<ReloadReport>;
  /** Reads the document of a feed as it would be in force, without starting it. `file` names it in problems. */
  readFeed(name: string, yaml: string, file: string): ConfiguredFeed | InvalidFeed;
  /** Undefined: the feed has not run in this process. */
  repairs(name: string): Pick<RepairQueue, 'ask'> | undefined;
  /** Undefined: nothing was recorded. */
  activity(name: string, range: ActivityRange): ActivitySeries | undefined;
  /** The lines after the one of this id; the last 500 are kept. */
  log(name: string, after: number): readonly LogLine[];
}

/**
 * What `run` hands to `startConsole` of collector/console/start.ts, which it imports only where `console.enabled`.
 */
export interface ConsoleHost {
  readonly shared: SharedConfig;
  readonly supervisor: Supervisor;
  readonly board: StatusBoard;
  readonly metrics: Metrics;
  readonly log: RootLog;
  /** Files that were read, and notes of the start. */
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

/**
 * What `startConsole` answers.
 */
export interface RunningConsole {
  /** Undefined while the port cannot be opened; the feeds go on. */
  readonly port: number | undefined;
  /** To be called once the supervisor has begun: what a crash of response left open is settled, and response is followed. */
  feedsBegan(): void;
  close(): Promise<void>;
}
