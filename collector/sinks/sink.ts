import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { Instant } from '../../mappings/instant.js';
import type { KeptRecord } from '../../mappings/normalise.js';
import type { Cursor } from '../position/cursor.js';
import type { DedupeChunk } from '../position/dedupe-set.js';

/** What survives a crash: `exactly_once` = a reader of the sink sees every record once; `at_least_once` = repeats are possible, under the same uid. */
export type Guarantee = 'exactly_once' | 'at_least_once';

/** What one commit delivers, all of it or nothing. */
export interface Batch {
  readonly events: readonly NormalisedEvent[];
  readonly deadLetters: readonly DeadLetter[];
  /** Text of records whose class the feed does not deliver (`classes`), kept raw. */
  readonly raw: readonly KeptRecord[];
  /** The position that follows this batch. */
  readonly cursor: Cursor;
  /** Identities that this batch adds to the dedupe set. */
  readonly dedupeAdditions: readonly DedupeChunk[];
  /** Chunks of minutes before this one are out of reach and may be dropped. */
  readonly evictBefore: number;
}

/** What a lane committed last. */
export interface Committed {
  readonly cursor: Cursor;
  /** The dedupe set: every chunk not yet evicted, in any order; a minute may have several. */
  readonly dedupe: readonly DedupeChunk[];
}

/**
 * Where one lane delivers. Used by one caller, one call at a time.
 *
 * `commit` has exactly one commit point carrying events, dead letters, raw records and cursor together. When it rejects,
 * the outcome is unknown: the caller closes this object, opens the lane anew and goes on from what `open` returns.
 */
export interface LaneSink {
  /**
   * Takes the lane's lock, finishes or undoes what a crash left, and returns the last commit (undefined: never any).
   * @throws CollectorError LANE_IN_USE where another process holds the lane; STATE_CORRUPT where the state can neither be read nor restored.
   */
  open(): Promise<Committed | undefined>;
  commit(batch: Batch): Promise<void>;
  /** Which of these uids the sink already holds among records with from ≤ time < to. Absent where it cannot tell. */
  known?(uids: readonly string[], from: Instant, to: Instant): Promise<ReadonlySet<string>>;
  /** Frees the lock. Never throws; may be called twice. */
  close(): Promise<void>;
}

/** A destination. One per feed; lanes are opened from it. */
export interface Sink {
  readonly kind: 'tables' | 'kafka' | 'stdout';
  readonly guarantee: Guarantee;
  /** Records per commit that suit this sink: the feed gathers pages up to about this many, never waiting for more to arrive. */
  readonly batchSize: number;
  /** For people: where the records go. No secrets. */
  readonly target: string;
  lane(name: string): LaneSink;
  /** The cursor a lane committed last, read without taking the lane (it may be running elsewhere); undefined where it never ran. */
  peek(lane: string): Promise<Cursor | undefined>;
  /** Names of the lanes that have ever committed, `live` first. */
  lanes(): Promise<readonly string[]>;
  close(): Promise<void>;
}
