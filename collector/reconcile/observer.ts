import type { FeedEvent } from '../pipeline/observer.js';
import type { ReconciledHours } from './hour-report.js';
import type { UnaskedServices } from './unasked-services.js';

/** What one pass has found, and what is known of whole hours since. Seconds since the epoch; the newest overlap is never part of it. */
export interface ReconcileReport extends ReconciledHours {
  readonly from: number;
  readonly to: number;
  /** Count requests asked. */
  readonly asked: number;
  /** Minutes that were read again. */
  readonly reread: number;
  /** Records that were delivered because of it: events, dead letters and raw ones. */
  readonly found: number;
  /** Records by which JumpCloud counts otherwise than it shows: read again without anything new, remembered, not read again. */
  readonly explained: number;
  /** Minutes for which it is unknown whether anything is missing. */
  readonly unknown: number;
  /** Why, in one sentence; undefined where all is known. */
  readonly reason: string | undefined;
  /** False where the pass was broken off so as not to delay the next poll; it goes on after that. */
  readonly finished: boolean;
}

/** A comparison is done, or broken off so as not to delay the next poll. */
export interface ReconcileEvent {
  readonly type: 'reconciled';
  readonly lane: string;
  readonly report: ReconcileReport;
}

/** The daily look has counted what JumpCloud holds of services that the feed does not ask for; zero is reported too. */
export interface UnaskedEvent {
  readonly type: 'unasked';
  readonly lane: string;
  readonly found: UnaskedServices;
  /** Services that JumpCloud refuses. */
  readonly refused: readonly string[];
}

export type ReconcileObserver = (event: ReconcileEvent | UnaskedEvent) => void;

/** Sees a feed and the comparisons of its live lane. */
export type LaneObserver = (event: FeedEvent | ReconcileEvent | UnaskedEvent) => void;
