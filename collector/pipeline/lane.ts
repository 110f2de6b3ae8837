import type { NormalisedEvent } from '../../mappings/event.js';
import { SECONDS_PER_MINUTE } from '../../mappings/time-units.js';
import type { Clock } from '../clock.js';
import { advanceCursor, dedupeReach, type Progress } from '../position/advance-cursor.js';
import type { Cursor } from '../position/cursor.js';
import { DedupeSet } from '../position/dedupe-set.js';
import { RecentRecords } from '../position/recent-records.js';
import type { LaneSink, Sink } from '../sinks/sink.js';
import { type BatchContent, emptyBatch } from './batch-builder.js';
import type { SearchSize } from './batch-room.js';
import type { CommitExtension, SearchProgress } from './commit-extension.js';
import type { FeedObserver } from './observer.js';
import type { LookedBack } from './timeless-records.js';

/** How far a commit takes its lane. */
export interface Advance extends Progress {
  /** The search that moves the common position, for extensions. */
  readonly search?: SearchProgress | undefined;
}

/** One lane, opened: its position, what it remembers, and the only way to move both. */
export class Lane {
  #cursor: Cursor;
  #commitInDoubt = false;
  #committing: Promise<void> = Promise.resolve();
  readonly recent = new RecentRecords();
  readonly lookedBack: LookedBack = {};
  readonly searchSize: SearchSize = {};

  private constructor(
    readonly name: string,
    private readonly sink: Sink,
    private readonly laneSink: LaneSink,
    readonly dedupeSet: DedupeSet,
    cursor: Cursor,
    /** False on the lane's first run. */
    readonly resumed: boolean,
    private readonly clock: Clock,
    private readonly observer: FeedObserver,
    private readonly extensions: readonly CommitExtension[],
  ) {
    this.#cursor = cursor;
  }

  /**
   * Takes the lane's lock and reads its last commit.
   * @param prepare makes today's cursor from the stored one, or the first one; may throw to refuse a foreign state
   * @param extensions take part in every commit of this lane
   */
  static async open(
    name: string,
    sink: Sink,
    clock: Clock,
    observer: FeedObserver,
    prepare: (stored: Cursor | undefined) => Cursor,
    extensions: readonly CommitExtension[] = [],
  ): Promise<Lane> {
    const laneSink = sink.lane(name);
    try {
      const committed = await laneSink.open();
      const cursor = prepare(committed?.cursor);
      const lane = new Lane(
        name,
        sink,
        laneSink,
        new DedupeSet(committed?.dedupe),
        cursor,
        committed !== undefined,
        clock,
        observer,
        extensions,
      );
      for (const extension of extensions) extension.restore(cursor.extensions[extension.key], cursor);
      observer({ type: 'opened', lane: name, cursor, resumed: lane.resumed });
      return lane;
    } catch (error) {
      await laneSink.close();
      throw error;
    }
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** True while a commit is in flight or has failed. The stored state is then unknown; reopen the lane to read it. */
  get commitInDoubt(): boolean {
    return this.#commitInDoubt;
  }

  /** True where the sink can find what it holds. */
  get canFindDelivered(): boolean {
    return this.sink.find !== undefined;
  }

  /**
   * Delivers what was content together with the position that follows it. When it rejects the lane is to be closed and
   * opened again. Identities stay in the dedupe set until `forget`: within a search JumpCloud may show a page twice.
   */
  commit(content: BatchContent, advance: Advance): Promise<void> {
    this.#committing = this.#commit(content, advance);
    return this.#committing;
  }

  /** Forgets the identities that no search to come will meet. */
  forget(): void {
    this.dedupeSet.evictBefore(Math.floor(dedupeReach(this.#cursor.position) / SECONDS_PER_MINUTE));
  }

  /** Commits what the extensions have to deliver, though nothing was collected; without any nothing is committed. */
  async commitOwnEvents(): Promise<void> {
    const pending = this.#prepare(emptyBatch, {});
    if (pending.ownEvents.length > 0) await this.#send(emptyBatch, pending);
  }

  async #commit(content: BatchContent, advance: Advance): Promise<void> {
    await this.#send(content, this.#prepare(content, advance));
  }

  #prepare(content: BatchContent, { search, ...progress }: Advance): Prepared {
    const before = this.#cursor;
    const after = advanceCursor(before, progress, content.counts, this.clock.now());
    const isStepBack = progress.replaced !== undefined;
    const { events, hours } = content;
    const extensions = { ...after.extensions };
    const own: NormalisedEvent[] = [];
    for (const extension of this.extensions) {
      const { state, ownEvents = [] } = extension.beforeCommit({ before, after, events, hours, search, isStepBack });
      if (state !== undefined) extensions[extension.key] = state;
      own.push(...ownEvents);
    }
    return { cursor: { ...after, extensions }, ownEvents: own };
  }

  async #send(content: BatchContent, { cursor, ownEvents }: Prepared): Promise<void> {
    const started = this.clock.monotonic();
    const evictBefore = Math.floor(dedupeReach(cursor.position) / SECONDS_PER_MINUTE);
    this.#commitInDoubt = true;
    await this.laneSink.commit({
      events: ownEvents.length === 0 ? content.events : [...content.events, ...ownEvents],
      deadLetters: content.deadLetters,
      raw: content.raw,
      entities: [],
      cursor,
      dedupeAdditions: content.remember.filter(({ minute }) => minute >= evictBefore),
      evictBefore,
    });
    this.#commitInDoubt = false;
    this.#cursor = cursor;
    this.observer({
      type: 'committed',
      lane: this.name,
      cursor,
      counts: content.counts,
      events: content.events,
      deadLetters: content.deadLetters,
      durationMs: this.clock.monotonic() - started,
      lateness: content.lateness,
      unknownTypes: content.unknownTypes,
      variants: content.variants,
      reusedIds: content.reusedIds,
    });
  }

  /** Which of these uids the sink holds; none where it cannot find them. */
  async findDelivered(uids: readonly string[], from: bigint, to: bigint): Promise<ReadonlySet<string>> {
    // A sink takes one call at a time; a commit that fails is reported where it was made.
    await this.#committing.catch(() => undefined);
    return this.sink.find?.(uids, from, to) ?? new Set();
  }

  /** Frees the lock. */
  async close(): Promise<void> {
    await this.laneSink.close();
    this.observer({ type: 'closed', lane: this.name });
  }
}

/** What one commit stores, with what the extensions have attached. */
interface Prepared {
  readonly cursor: Cursor;
  readonly ownEvents: readonly NormalisedEvent[];
}
