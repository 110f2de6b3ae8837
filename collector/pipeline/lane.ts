import type { NormalisedEvent } from '../../mappings/event.js';
import { formatSecond } from '../../mappings/instant.js';
import type { Clock } from '../clock.js';
import { addCounts, type Cursor, secondOf } from '../position/cursor.js';
import { Seen } from '../position/dedupe-set.js';
import { inMemory, type SteppedBack } from '../position/step-back.js';
import type { LaneSink, Sink } from '../sinks/sink.js';
import { type Gathered, nothingGathered } from './batch-builder.js';
import type { CommitExtension, SearchProgress } from './commit-extension.js';
import type { FeedObserver } from './observer.js';

/** What a commit changes of the position. */
export interface Advance
  extends Partial<Pick<Cursor, 'organization' | 'origin' | 'origins' | 'settled' | 'newest' | 'services' | 'behind'>> {
  /** The search that moves the common position, for extensions. */
  readonly search?: SearchProgress;
  /** The damaged position that this commit replaces; null: what it passed over was compared since. */
  readonly steppedBack?: SteppedBack | null;
}

/** One lane, opened: its position, what it remembers, and the only way to move both. */
export class Lane {
  #cursor: Cursor;
  #broken = false;
  #committing: Promise<void> = Promise.resolve();

  private constructor(
    readonly name: string,
    private readonly sink: Sink,
    private readonly laneSink: LaneSink,
    readonly seen: Seen,
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
        new Seen(committed?.dedupe),
        cursor,
        committed !== undefined,
        clock,
        observer,
        extensions,
      );
      for (const extension of extensions) extension.restore(cursor.memory[extension.key], cursor);
      observer.opened(name, cursor, lane.resumed);
      return lane;
    } catch (error) {
      await laneSink.close();
      throw error;
    }
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** True from a commit's start until it succeeded: what is stored is then unknown, only opening the lane anew tells. */
  get broken(): boolean {
    return this.#broken;
  }

  /** True where the sink can tell what it holds. */
  get tells(): boolean {
    return this.sink.find !== undefined;
  }

  /**
   * Delivers what was gathered together with the position that follows it. When it rejects the lane is to be closed and
   * opened anew. Identities stay remembered until `forget`: within a search JumpCloud may show a page twice.
   */
  commit(gathered: Gathered, advance: Advance): Promise<void> {
    this.#committing = this.#commit(gathered, advance);
    return this.#committing;
  }

  /** Forgets the identities that no search to come will meet. */
  forget(): void {
    this.seen.forgetBefore(Math.floor(rememberedReach(this.#cursor) / 60));
  }

  /** Commits what the extensions have to deliver, though nothing was collected; without any nothing is committed. */
  async commitOwnEvents(): Promise<void> {
    const pending = this.#prepare(nothingGathered, {});
    if (pending.ownEvents.length > 0) await this.#send(nothingGathered, pending);
  }

  async #commit(gathered: Gathered, advance: Advance): Promise<void> {
    await this.#send(gathered, this.#prepare(gathered, advance));
  }

  #prepare(gathered: Gathered, { search, steppedBack, ...advance }: Advance): Prepared {
    const before = this.#cursor;
    const after = this.#advanced(gathered, advance);
    const { events, hours } = gathered;
    const memory = { ...after.memory, ...(steppedBack !== undefined && inMemory(steppedBack ?? undefined)) };
    const own: NormalisedEvent[] = [];
    for (const extension of this.extensions) {
      const { state, ownEvents = [] } = extension.beforeCommit({
        before,
        after,
        events,
        hours,
        search,
        isStepBack: !!steppedBack,
      });
      if (state !== undefined) memory[extension.key] = state;
      own.push(...ownEvents);
    }
    return { cursor: { ...after, memory }, ownEvents: own };
  }

  async #send(gathered: Gathered, { cursor, ownEvents }: Prepared): Promise<void> {
    const started = this.clock.monotonic();
    const evictBefore = Math.floor(rememberedReach(cursor) / 60);
    this.#broken = true;
    await this.laneSink.commit({
      events: ownEvents.length === 0 ? gathered.events : [...gathered.events, ...ownEvents],
      deadLetters: gathered.deadLetters,
      raw: gathered.raw,
      entities: [],
      cursor,
      dedupeAdditions: gathered.remember.filter(({ minute }) => minute >= evictBefore),
      evictBefore,
    });
    this.#broken = false;
    this.#cursor = cursor;
    this.observer.committed(this.name, {
      cursor,
      counts: gathered.counts,
      events: gathered.events,
      deadLetters: gathered.deadLetters,
      durationMs: this.clock.monotonic() - started,
      lateness: gathered.lateness,
      unknownTypes: gathered.unknownTypes,
    });
  }

  /** Which of these uids the sink holds; none where it cannot tell. */
  async known(uids: readonly string[], from: bigint, to: bigint): Promise<ReadonlySet<string>> {
    // A sink takes one call at a time; a commit that fails is reported where it was made.
    await this.#committing.catch(() => undefined);
    return this.sink.find?.(uids, from, to) ?? new Set();
  }

  /** Frees the lock. */
  async close(): Promise<void> {
    await this.laneSink.close();
    this.observer.closed(this.name);
  }

  #advanced(gathered: Gathered, advance: Omit<Advance, 'search' | 'steppedBack'>): Cursor {
    const cursor: Cursor = {
      ...this.#cursor,
      ...advance,
      counts: addCounts(this.#cursor.counts, gathered.counts),
      committedAt: new Date(this.clock.now()).toISOString(),
    };
    return { ...cursor, behind: forgetting(cursor) };
  }
}

/** What one commit stores, with what the extensions have attached. */
interface Prepared {
  readonly cursor: Cursor;
  readonly ownEvents: readonly NormalisedEvent[];
}

/** The second from which on every identity must stay remembered: the earliest start of a search that is to come. */
function rememberedReach(cursor: Cursor): number {
  const starts = Object.values(cursor.behind)
    .filter((behind) => behind.active)
    .map((behind) => secondOf(behind.settled));
  if (cursor.services.length > 0) starts.push(secondOf(cursor.settled));
  return starts.length === 0 ? 0 : Math.min(...starts);
}

/** Services whose searches rest lose their identities as the lane moves on: from then on only the sink can tell. */
function forgetting(cursor: Cursor): Cursor['behind'] {
  const reach = rememberedReach(cursor);
  const rest = Object.entries(cursor.behind).map(([service, behind]) => {
    const fresh = (cursor.origins[service] ?? cursor.origin) === behind.settled;
    const lost = !behind.active && !fresh && reach > secondOf(behind.rememberedFrom);
    return [service, lost ? { ...behind, rememberedFrom: formatSecond(reach) } : behind] as const;
  });
  return Object.fromEntries(rest);
}
