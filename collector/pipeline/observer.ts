import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { CollectorError } from '../errors.js';
import type { Search } from '../jumpcloud/insights/source.js';
import type { Counts, Cursor } from '../position/cursor.js';

/** What one commit delivered. */
export interface CommitReport {
  readonly cursor: Cursor;
  /** This commit's part of the counts. */
  readonly counts: Counts;
  readonly events: readonly NormalisedEvent[];
  readonly deadLetters: readonly DeadLetter[];
  readonly durationMs: number;
  /** Seconds between a late record's own time and its delivery, one for each. */
  readonly lateness: readonly number[];
  /** `service/event_type` of records that the catalogue does not know. */
  readonly unknownTypes: readonly string[];
  /** Of the duplicates: those that came with another text. */
  readonly variants: number;
  /** `service/event_type` of each new record whose id another record bore. */
  readonly reusedIds: readonly string[];
}

/** What happens while a lane works. */
export type FeedEvent = { readonly lane: string } & (
  | {
      /** The lane is open; `resumed` is false on its first run. */
      readonly type: 'opened';
      readonly cursor: Cursor;
      readonly resumed: boolean;
    }
  /** Something an operator should read once: a first run, a new service, a range that was cut. */
  | { readonly type: 'noted'; readonly message: string }
  | { readonly type: 'searching'; readonly search: Search }
  | {
      readonly type: 'page';
      readonly records: number;
      readonly bytes: number;
      readonly serverTime: number;
      readonly requestId: string | undefined;
    }
  | ({ readonly type: 'committed' } & CommitReport)
  | {
      /** A search was read to its end. */
      readonly type: 'searched';
      readonly search: Search;
      readonly pages: number;
      readonly records: number;
      readonly durationMs: number;
    }
  /** The lane has read everything JumpCloud shows; the next poll follows in `nextPollMs`. */
  | { readonly type: 'caughtUp'; readonly nextPollMs: number }
  /** The lane is open and polls only when it is asked to. */
  | { readonly type: 'idle' }
  | {
      /** Collecting (`source`) or delivering (`sink`) failed; the lane tries again in `retryMs` (undefined: it gives up). */
      readonly type: 'failed';
      readonly part: 'source' | 'sink';
      readonly error: CollectorError;
      readonly retryMs: number | undefined;
    }
  | {
      /** JumpCloud refuses services for one reason; they are asked again `retryAt` (RFC 3339), the others go on. */
      readonly type: 'refused';
      readonly services: readonly string[];
      readonly error: CollectorError;
      readonly retryAt: string;
    }
  | {
      /**
       * A watched question has its answer; `found` rows are new, and become findings. It is to be asked as of `left` more
       * moments until it has caught up.
       */
      readonly type: 'questionAnswered';
      readonly question: string;
      readonly rows: number;
      readonly found: number;
      readonly durationMs: number;
      readonly left: number;
    }
  | {
      /** A round of a watched question ended at the moment `until` (epoch milliseconds), and `left` moments are left. */
      readonly type: 'questionBehind';
      readonly question: string;
      readonly until: number;
      readonly left: number;
      /** False: no fewer than after the round before. Its answers take longer than what they are about. */
      readonly isGaining: boolean;
    }
  /** A watched question has none; it is asked again after the interval. */
  | { readonly type: 'questionFailed'; readonly question: string; readonly error: CollectorError }
  | { readonly type: 'closed' }
);

/** Sees what happens in a feed: log, metrics, status. Called synchronously; must not throw. */
export type FeedObserver = (event: FeedEvent) => void;

/** One observer that passes every event on to several. */
export function combineObservers<Event>(observers: readonly ((event: Event) => void)[]): (event: Event) => void {
  return (event) => {
    for (const observer of observers) observer(event);
  };
}
