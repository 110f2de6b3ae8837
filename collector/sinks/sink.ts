import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { Instant } from '../../mappings/instant.js';
import type { KeptRecord } from '../../mappings/normalise.js';
import type { ErrorCode } from '../errors.js';
import type { Cursor } from '../position/cursor.js';
import type { DedupeChunk } from '../position/dedupe-set.js';
import type { Rewriting } from './rewriting.js';

// The rules behind these types (who calls what, when, and what an error makes the caller do) stand in README.md here;
// test/contract/sink-contract.ts holds every sink to them.

/** What survives a crash: `exactly_once` = a reader of the sink sees every record once; `at_least_once` = repeats are possible, under the same uid. */
export type Guarantee = 'exactly_once' | 'at_least_once';

/** The state of one thing (a user, a membership) from `observedAt` on. It replaces what was delivered before under its type and key. */
export interface Entity {
  /** What kind of thing: `user`, `user_group_member`. */
  readonly type: string;
  /** Names the thing among those of its type and feed. */
  readonly key: string;
  /** A JSON text; undefined: a tombstone, the thing is gone. */
  readonly value: string | undefined;
  /** Epoch milliseconds. */
  readonly observedAt: number;
}

/** What one commit delivers, all of it or nothing. */
export interface Batch {
  readonly events: readonly NormalisedEvent[];
  readonly deadLetters: readonly DeadLetter[];
  /** Text of records whose class the feed does not deliver (`classes`), kept raw. */
  readonly raw: readonly KeptRecord[];
  /** In the order in which they were observed. */
  readonly entities: readonly Entity[];
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
 * `commit` has exactly one commit point, which carries everything in the batch and the cursor together. When it rejects,
 * the outcome is unknown: the caller closes this object, opens the lane again and continues from what `open` returns.
 */
export interface LaneSink {
  /**
   * Takes the lane's lock, finishes or undoes what a crash left, and returns the last commit (undefined: never any).
   * @throws CollectorError LANE_IN_USE while another process holds the lane; STATE_CORRUPT where the state can neither be read nor restored.
   */
  open(): Promise<Committed | undefined>;
  commit(batch: Batch): Promise<void>;
  /** Frees the lock. Never throws; may be called twice. */
  close(): Promise<void>;
}

/** A lock that is held. */
export interface Lock {
  /** Frees it. Never throws; may be called twice. */
  release(): Promise<void>;
}

/** One thing that `check` looked at in a sink. */
export interface SinkFinding {
  /** What was looked at: `tables`, `space`, a topic's name. */
  readonly part: string;
  readonly verdict: 'ok' | 'warning' | 'failed';
  readonly message: string;
  /** What to do; there is one wherever something is wrong. */
  readonly cure?: string;
  readonly code?: ErrorCode;
  /** Kafka code or errno, where there is one. */
  readonly detail?: string;
}

/** The `detail` of a `SINK_REFUSED` from a sink that no longer keeps a range by its own rules. */
export const EXPIRED = 'expired';

/** A lane whose delivered events can be replaced. Holds the lane's lock while it is open. */
export interface RewritableLane {
  readonly name: string;
  open(): Promise<unknown>;
  /** @param agreed asked before the commit point; false: nothing was changed */
  rewrite(rewriting: Rewriting, agreed: () => Promise<boolean>): Promise<void>;
  close(): Promise<void>;
}

/** How a sink maintains what it holds between commits, since it was opened. */
export interface SinkUpkeep {
  /** Committed files that are not yet where other programs look for them. */
  readonly unlogged: number;
  /** Files that are to become fewer and had not at the last look. */
  readonly backlog: number;
  /** Times that something a crash had left was finished. */
  readonly repairs: number;
  /** Times that upkeep failed. It is tried again. */
  readonly failures: number;
}

/**
 * A destination. One per feed; lanes are opened from it. Creating it touches neither disk nor network.
 * The optional members are capabilities: a sink has them or not, and whoever needs one asks for it, never for `kind`.
 */
export interface Sink {
  /** Its name in the configuration (`sink`) and in `registry.ts`; for people and logs. */
  readonly kind: string;
  readonly guarantee: Guarantee;
  /** Records per commit that suit this sink: the feed gathers pages up to about this many, never waiting for more to arrive. */
  readonly batchSize: number;
  /** For people: where the records go. No secrets. */
  readonly target: string;
  /** False: `commit` refuses a batch with entities (`refuseEntities`). */
  readonly carriesEntities: boolean;
  lane(name: string): LaneSink;
  /** The cursor a lane committed last, read without taking the lane (it may be running elsewhere); undefined where it never ran. */
  peek(lane: string): Promise<Cursor | undefined>;
  /** Names of the lanes that have ever committed, `live` first. */
  lanes(): Promise<readonly string[]>;
  /**
   * Takes a lock of this feed that excludes whoever has a lane or a lock of the same name. Stores no position.
   * @throws CollectorError LANE_IN_USE
   */
  lock(name: string): Promise<Lock>;
  /** Closes every lane. Never throws; may be called twice. */
  close(): Promise<void>;

  /**
   * Which of these uids the sink holds among records with from ≤ time < to, whichever lane delivered them. May be called
   * while lanes are open.
   * @throws CollectorError SINK_REFUSED where the sink no longer holds all that it was given of that range
   */
  find?(uids: readonly string[], from: Instant, to: Instant): Promise<ReadonlySet<string>>;
  /** Who holds a lane, for people; undefined: nobody. */
  holder?(lane: string): Promise<string | undefined>;
  /** What upkeep there was; asked at any time, touches nothing. */
  upkeep?(): SinkUpkeep;
  /** Looks at everything that delivering needs. Leaves nothing behind; what is wrong is a finding, not an error. */
  check?(): Promise<readonly SinkFinding[]>;
  /**
   * Proves what delivery relies on and would not show before it fails: that a lane's lock keeps a second process out, by
   * having one try, and that what was delivered can be read.
   * @throws CollectorError STORAGE_FAILED, SINK_REFUSED where it is not so
   */
  prove?(): Promise<void>;
  /** The feed's dead letters, but for those that the replay lane has delivered. */
  unresolvedDeadLetters?(): AsyncIterable<DeadLetter>;
  /**
   * Replaces a lane's position, also a damaged one, under the lane's lock; the dedupe set stays. Without this capability a
   * position is replaced by committing a batch that holds nothing else.
   * @param next makes the new position from the stored one; undefined: there is none, or it cannot be read
   * @throws CollectorError LANE_IN_USE
   */
  resetPosition?(lane: string, next: (stored: Cursor | undefined) => Cursor): Promise<void>;
  /** The feed's entities of these types. Of a key that comes several times the last one is its present state; one without a value is gone. */
  currentEntities?(types: readonly string[]): AsyncIterable<Entity>;
  /** A lane whose events can be rewritten with today's mapping. */
  rewritable?(lane: string): RewritableLane;
}
