import type { FeedSource } from '../../config/configured-feed.js';
import type { Problem } from '../../config/setting.js';
import type { ErrorCode } from '../../errors.js';
import { LIVE_LANE } from '../../position/lane-name.js';
import type { NotReady } from './feed-status.js';

/**
 * starting: its sink and lane are being opened; running: what it does stands in its lanes; stopping: a stop was requested
 * and its sink has not let go yet; paused: by a person, its lane is free; stopped: it ended by itself or was stopped,
 * `failure` or `reason` says why; invalid: it does not run, since `problems` stand against it.
 */
export type FeedRunState = 'starting' | 'running' | 'stopping' | 'paused' | 'stopped' | 'invalid';

/** A pause: a person's act, not configuration. Times are RFC 3339. */
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
  /** RFC 3339. */
  readonly at: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly cure: string;
}

/** Of a feed that does not poll by itself: JumpCloud forgets records. Times are RFC 3339. */
export interface Retention {
  /** Up to which moment it has read. */
  readonly readUpTo: string;
  /** When JumpCloud forgets the oldest record that was not read. */
  readonly deadline: string;
  /** Whole days left; negative: records are lost already. */
  readonly daysLeft: number;
}

/** A feed of the configuration, running or not, as /status shows it. */
export interface SupervisionView {
  readonly name: string;
  readonly source: FeedSource;
  readonly state: FeedRunState;
  /** Since when it is in this state, RFC 3339. */
  readonly since: string;
  /** Why it is stopping or stopped, where a person or a reload asked for it. */
  readonly reason: string | null;
  readonly failure: FeedFailure | null;
  readonly pause: Pause | null;
  /** True: `poll.interval` is never (DISABLED), the feed polls when it is woken. */
  readonly manual: boolean;
  /** Null while it polls by itself. */
  readonly retention: Retention | null;
  /**
   * What is wrong with its file now. Of a feed that still runs: the configuration read before stays in force until the
   * file is corrected.
   */
  readonly problems: readonly Problem[];
}

/** What the supervisor knows of the feeds. */
export interface Supervision {
  list(): readonly SupervisionView[];
  /** Whether the process is ready without any feed. */
  readonly readyWithoutFeeds: boolean;
}

/** Whether it is somebody's will that a feed is at rest: nobody waits for it. */
export function isAtRest({ state, failure }: SupervisionView): boolean {
  return state === 'paused' || (state === 'stopped' && failure === null);
}

/** Why a feed is not ready that cannot say so itself; undefined: it can, or there is no reason. */
export function supervisedReason(feed: SupervisionView, hasStatus: boolean): NotReady | undefined {
  const { name, since, state, failure, problems } = feed;
  const [problem] = problems;
  if (problem !== undefined)
    return {
      feed: name,
      lane: LIVE_LANE,
      part: 'configuration',
      message: `${problem.where}: ${problem.message}`,
      since,
      code: 'CONFIG_INVALID',
      cure: 'Correct the file; it is read again by itself.',
    };
  if (hasStatus || state === 'running' || isAtRest(feed)) return undefined;
  const message = failure?.message ?? 'the feed has not opened its lane yet';
  const why = failure === null ? {} : { code: failure.code, cure: failure.cure };
  return { feed: name, lane: LIVE_LANE, part: 'start', message, since: failure?.at ?? since, ...why };
}
