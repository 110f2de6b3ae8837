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
}

/** Those who look on while a lane works: log, metrics, health. Called synchronously; must not throw. */
export interface FeedObserver {
  /** The lane is open; `resumed` tells a first run from the continuation of an earlier one. */
  opened(lane: string, cursor: Cursor, resumed: boolean): void;
  /** Something an operator should read once: a first run, a new service, a range that was cut. */
  noted(lane: string, message: string): void;
  searching(lane: string, search: Search): void;
  page(lane: string, page: { records: number; bytes: number; serverTime: number; requestId: string | undefined }): void;
  committed(lane: string, report: CommitReport): void;
  /** A search was read to its end. */
  searched(lane: string, result: { search: Search; pages: number; records: number; durationMs: number }): void;
  /** The lane has read everything JumpCloud shows; the next poll follows in `nextPollMs`. */
  caughtUp(lane: string, nextPollMs: number): void;
  /** Collecting (`source`) or delivering (`sink`) failed; the lane tries again in `retryMs` (undefined: it gives up). */
  failed(lane: string, part: 'source' | 'sink', error: CollectorError, retryMs: number | undefined): void;
  /** JumpCloud refuses a service; the others go on. */
  refused(lane: string, service: string, error: CollectorError, retryAt: string): void;
  closed(lane: string): void;
}
