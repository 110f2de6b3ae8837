import type { Sink } from '../sinks/sink.js';
import type { CollectDependencies, CollectSettings } from './collect.js';
import type { CommitExtension } from './commit-extension.js';
import type { IdleTask } from './idle-task.js';
import type { PollRequests } from './poll-requests.js';

/** What a feed collects and how often. */
export interface FeedSettings extends CollectSettings {
  readonly baseUrl: string;
  /** Undefined: the organization of the first record. */
  readonly organization: string | undefined;
  /** The query's `service` values. */
  readonly services: readonly string[];
  /** Whole second since the epoch at which a first run (or a newly selected service) starts. */
  readonly start: (now: number) => number;
  /** Milliseconds between polls; Infinity: it polls only when it is asked to. */
  readonly interval: number;
  /** Seconds within which a late record is still waited for. */
  readonly overlap: number;
  /** Seconds of the narrowest closed search while catching up. */
  readonly slice: number;
}

/** The parts that a feed needs. */
export interface FeedDependencies extends CollectDependencies {
  readonly sink: Sink;
  /** A number from 0 (inclusive) to 1, for jitter. */
  readonly random: () => number;
  /** What the live lane stores with each commit, in the order of its slots. */
  readonly extensions: readonly CommitExtension[];
  /** What the live lane does between two polls, in order. */
  readonly idleTasks: readonly IdleTask[];
  /** Who may ask for a poll at once; absent: nobody. */
  readonly pollRequests?: PollRequests;
  /** Resolves when the credential has changed: ends the wait after a 401. */
  readonly credentialChanged: (signal: AbortSignal) => Promise<void>;
}
