import type { NormalisedEvent } from '../../mappings/event.js';
import type { Cursor } from '../position/cursor.js';
import type { HourOutcomes, MinuteCounts } from './outcome-counts.js';

/**
 * State and events that a component attaches to every commit of a lane. The lane calls `restore` once when it is opened,
 * and `beforeCommit` once for each commit, in order. What a commit that failed was given is forgotten: the lane is opened
 * again, and `restore` gets what is stored.
 */
export interface CommitExtension {
  /** Its slot in the cursor's extensions. */
  readonly key: string;
  /** @param stored the slot's JSON value of the last commit; undefined where there is none */
  restore(stored: unknown, cursor: Cursor): void;
  beforeCommit(commit: PendingCommit): Attachment;
}

/** What an extension attaches to one commit. */
export interface Attachment {
  /** JSON value of the slot from this commit on; undefined: the slot stays as it is. */
  readonly state: unknown;
  /** Events of the collector's own, delivered with the batch and not among its counts. */
  readonly ownEvents?: readonly NormalisedEvent[];
}

/** What a commit is about to store. */
export interface PendingCommit {
  /** The position before this commit. */
  readonly before: Cursor;
  /** The position after it, extensions as before. */
  readonly after: Cursor;
  readonly events: readonly NormalisedEvent[];
  /** The batch's new records, by service and hour. */
  readonly hours: readonly HourOutcomes[];
  /** The search that moved the common position; undefined where the commit does not move it. */
  readonly search: SearchProgress | undefined;
  /** True where the position before was damaged: it goes back, and what it passed over is to be compared. */
  readonly isStepBack: boolean;
}

/** How far a search of the services at the common position was read. */
export interface SearchProgress {
  /** Whole seconds since the epoch, as asked; `end` undefined: open. */
  readonly start: number;
  readonly end: number | undefined;
  /** True when the search was read to its end. */
  readonly complete: boolean;
  /** Whole second up to which everything was read; undefined at the end of an open search, or where the order gives none. */
  readonly readTo: number | undefined;
  readonly minutes: MinuteCounts;
}
