import type { ConfiguredFeed, FeedSource, InvalidFeed } from '../config/configured-feed.js';
import type { SharedConfig } from '../config/feed-config.js';
import type { Problem } from '../config/setting.js';
import type { ErrorCode } from '../errors.js';
import type { LogLevel } from '../log/levels.js';
import type { RootLog } from '../log/logger.js';
import type { Metrics } from '../monitoring/metrics.js';
import type { StatusBoard } from '../monitoring/status/board.js';
import type { FeedView } from '../monitoring/status/feed-status.js';
import type { RepairQueue } from '../reconcile/repair-queue.js';

/*
 * The feeds of one `run`: each starts, stops, is replaced and is woken alone. Times of views are RFC 3339 in UTC.
 *
 * A feed is written down in one place: the configuration file, `feeds.directory/NAME.yaml` (both the operator's, read-only
 * here), or `<console.directory>/feeds.d/NAME.yaml` (the console's). Whoever changes a file calls `reload`, which applies
 * the difference and nothing else. `start`, `replace` and `stop` take a feed that was read by `readFeed`.
 */

/**
 * starting: its sink and lane are being opened; running: what it does stands in `view.lanes`; stopping: it was told to
 * stop and its sink has not let go yet; paused: by a person, its lane is free; stopped: it ended by itself or was stopped,
 * `failure` or `reason` says why; invalid: it does not run, since `problems` stand against it.
 */
export type FeedRunState = 'starting' | 'running' | 'stopping' | 'paused' | 'stopped' | 'invalid';

/** A pause: console state, not configuration. */
export interface Pause {
  /** Who paused it. */
  readonly by: string;
  readonly since: string;
  readonly reason: string;
  /** When it ends by itself. */
  readonly until?: string;
}

/** Why a feed ended by itself. */
export interface FeedFailure {
  readonly at: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly cure: string;
}

/** JumpCloud forgets records: of a feed that is paused or DISABLED. */
export interface Retention {
  /** Up to which moment it has read. */
  readonly readUpTo: string;
  /** When JumpCloud forgets the oldest record that was not read. */
  readonly deadline: string;
  /** Whole days left; negative: records are lost already. */
  readonly daysLeft: number;
}

/** A feed as the supervisor knows it. */
export interface SupervisedFeed {
  readonly name: string;
  readonly source: FeedSource;
  readonly state: FeedRunState;
  /** Since when it is in this state. */
  readonly since: string;
  /** Why it is stopping or stopped, where a person or a reload asked for it. */
  readonly reason: string | null;
  readonly failure: FeedFailure | null;
  readonly pause: Pause | null;
  /** True: `poll.interval` is DISABLED, the feed polls when it is woken. */
  readonly manual: boolean;
  /** Null while it polls by itself. */
  readonly retention: Retention | null;
  /**
   * What is wrong with its file now. Of a feed that still runs: the configuration read before stays in force until the
   * file is corrected.
   */
  readonly problems: readonly Problem[];
  /** In force; null: invalid. */
  readonly configured: ConfiguredFeed | null;
  /** What /status shows of it; null: it has not run in this process. */
  readonly view: FeedView | null;
}

/**
 * What a change did. live: taken over in place (contact, owners, description, account, health); restarted, started,
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

/** Counts per minute or hour; null: nothing is known of it, because nothing watched. */
export interface ActivitySeries {
  readonly from: string;
  readonly to: string;
  /** Seconds per bucket: 60 or 3600. */
  readonly step: number;
  /** `received`, `events`, `deadLetters`, `duplicates`, `notSelected`, `raw`, `late`, and `class:3002`… */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}

export type ActivityRange = '1h' | '24h' | '7d' | '90d';

/** A redacted line of the log. */
export interface LogLine {
  /** Counts up from 1 per feed and process. */
  readonly id: number;
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Starts, stops, replaces and wakes feeds one by one. A name that it does not know: undefined, or USAGE is thrown. */
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
  /** Undefined: the feed does not run. */
  repairs(name: string): Pick<RepairQueue, 'ask'> | undefined;
  /** Undefined: nothing was recorded. */
  activity(name: string, range: ActivityRange): ActivitySeries | undefined;
  /** The lines after the one of this id; the last 500 are kept. */
  log(name: string, after: number): readonly LogLine[];
}

/**
 * What `run` hands to `startConsole` of collector/console/start.ts, which it imports only where `console.enabled`.
 * @public
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
 * @public
 */
export interface RunningConsole {
  /** Undefined while the port cannot be opened; the feeds go on. */
  readonly port: number | undefined;
  close(): Promise<void>;
}
