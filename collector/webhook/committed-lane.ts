import type { Clock } from '../clock.js';
import type { FeedObserver } from '../pipeline/observer.js';
import { refuseForeignState } from '../pipeline/organization-guard.js';
import { addCounts, type Cursor, noCounts } from '../position/cursor.js';
import { WEBHOOK_LANE } from '../position/lane-name.js';
import type { LaneSink, Sink } from '../sinks/sink.js';
import type { Delivery } from './deliver.js';
import { firstWebhookCursor, positionOf, type WebhookPosition, withPosition } from './lane-memory.js';

/** What the lane `webhook` needs to be opened. */
export interface CommittedLaneParts {
  readonly feed: string;
  readonly baseUrl: string;
  readonly sink: Sink;
  readonly clock: Clock;
  readonly observer: FeedObserver;
  /** The organization of the feed, once its configuration or its live lane knows it. */
  readonly organization: () => Promise<string | undefined>;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
/**
 * Names are remembered for so long before the last reading of the list of alerts: JumpCloud repeats a request for minutes,
 * and the list is read an hour back.
 */
const REMEMBERED_DAYS = 8;
/** The same where the list was not read for long. */
const MOST_REMEMBERED_DAYS = 90;

/** The lane `webhook`, opened: its position, the names that it delivered, and the only way to move both. */
export class CommittedLane {
  /** Hash of a name, and the minute in which it was first seen; in that order. */
  readonly #seen = new Map<bigint, number>();
  #organization: string | undefined;

  private constructor(
    private readonly parts: CommittedLaneParts,
    private readonly lane: LaneSink,
    private cursor: Cursor,
  ) {}

  /**
   * Takes the lane's lock and reads its last commit.
   * @throws CollectorError LANE_IN_USE; ORGANIZATION_CHANGED where the position is another organization's
   */
  static async open(parts: CommittedLaneParts): Promise<CommittedLane> {
    const { sink, clock, observer, feed, baseUrl } = parts;
    const lane = sink.lane(WEBHOOK_LANE);
    try {
      const committed = await lane.open();
      const organization = await parts.organization();
      if (committed !== undefined) refuseForeignState(committed.cursor, { name: feed, baseUrl, organization });
      const cursor = committed?.cursor ?? firstWebhookCursor(feed, baseUrl, clock.now());
      const opened = new CommittedLane(parts, lane, cursor);
      const chunks = [...(committed?.dedupe ?? [])].sort((a, b) => a.minute - b.minute);
      for (const { minute, hashes } of chunks) for (const hash of hashes) opened.#seen.set(hash, minute);
      observer({ type: 'opened', lane: WEBHOOK_LANE, cursor, resumed: committed !== undefined });
      // From when alerts are owed is stored before any is delivered.
      if (committed === undefined) await opened.commit(nothing, positionOf(cursor));
      return opened;
    } catch (error) {
      await lane.close();
      throw error;
    }
  }

  get position(): WebhookPosition {
    return positionOf(this.cursor);
  }

  /** Epoch milliseconds: what was delivered before may be known no more. */
  get remembersFrom(): number {
    return evictionMinute(this.cursor.committedAt, this.position.polledTo) * MINUTE_MS;
  }

  /** Whether something of this name was delivered in the last days. */
  readonly isKnown = (hash: bigint): boolean => this.#seen.has(hash);

  /** The organization that notices are compared with; undefined until one is known. */
  async organization(): Promise<string | undefined> {
    this.#organization ??= this.cursor.organization ?? (await this.parts.organization());
    return this.#organization;
  }

  /** Delivers, together with the position that follows. When it rejects, the lane is to be closed and opened again. */
  async commit(made: Delivery, position: WebhookPosition): Promise<void> {
    const { clock, observer } = this.parts;
    const started = clock.monotonic();
    const now = clock.now();
    const minute = Math.floor(now / MINUTE_MS);
    const evictBefore = evictionMinute(now, position.polledTo);
    const { organization = this.#organization } = this.cursor;
    const counts = addCounts(this.cursor.counts, made.counts);
    const cursor = withPosition({ ...this.cursor, organization, committedAt: now, counts }, position);
    await this.lane.commit({
      events: made.events,
      deadLetters: made.deadLetters,
      raw: made.raw,
      entities: [],
      cursor,
      dedupeAdditions: made.remember.length === 0 ? [] : [{ minute, hashes: BigUint64Array.from(made.remember) }],
      evictBefore,
    });
    this.cursor = cursor;
    for (const hash of made.remember) this.#seen.set(hash, minute);
    for (const [hash, seenAt] of this.#seen) {
      if (seenAt >= evictBefore) break;
      this.#seen.delete(hash);
    }
    observer({
      type: 'committed',
      lane: WEBHOOK_LANE,
      cursor,
      counts: made.counts,
      events: made.events,
      deadLetters: made.deadLetters,
      durationMs: clock.monotonic() - started,
      lateness: [],
      unknownTypes: [],
      variants: 0,
      reusedIds: [],
    });
  }

  /** Frees the lock. */
  async close(): Promise<void> {
    await this.lane.close();
    this.parts.observer({ type: 'closed', lane: WEBHOOK_LANE });
  }
}

/** The next reading of the list reaches back from the last one, whatever the clock says then. */
function evictionMinute(now: number, polledTo: number): number {
  const needed = Math.floor(Math.min(now, polledTo) / MINUTE_MS) - REMEMBERED_DAYS * DAY_MINUTES;
  return Math.max(needed, Math.floor(now / MINUTE_MS) - MOST_REMEMBERED_DAYS * DAY_MINUTES);
}

const nothing: Delivery = {
  events: [],
  deadLetters: [],
  raw: [],
  remember: [],
  counts: noCounts,
  fresh: [],
};
