import { CollectorError } from '../../collector/errors.js';
import type { Cursor } from '../../collector/position/cursor.js';
import { decodeCursor, encodeCursor, type StoredCursor } from '../../collector/position/cursor-codec.js';
import type { DedupeChunk } from '../../collector/position/dedupe-set.js';
import type { Batch, Committed, Entity, LaneSink, Lock, Sink } from '../../collector/sinks/sink.js';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import { floorToMillisecond } from '../../mappings/instant.js';
import type { KeptRecord } from '../../mappings/normalise.js';

/** What befalls a commit: the sink is told before it (nothing is kept) or after it (all is kept) that it failed. */
export type CommitFate = 'kept' | 'lost' | 'in_doubt';

interface Held {
  readonly uid: string;
  readonly time: number | undefined;
  readonly text: string;
}

/** The sink contract in memory, exactly once. It lasts as long as the test: `open` after a fault shows what was committed. */
export class MemorySink implements Sink {
  readonly kind = 'memory';
  readonly guarantee = 'exactly_once' as const;
  readonly target = 'memory';
  readonly carriesEntities = true;
  readonly events: NormalisedEvent[] = [];
  readonly deadLetters: DeadLetter[] = [];
  readonly raw: KeptRecord[] = [];
  readonly entities: Entity[] = [];
  readonly commits: Cursor[] = [];
  /** Asked before each commit. */
  fate: (batch: Batch, number: number) => CommitFate | Promise<CommitFate> = () => 'kept';
  readonly #lanes = new Map<string, { cursor: Cursor; dedupe: readonly DedupeChunk[] }>();
  readonly #locked = new Set<string>();
  #busy = false;
  #number = 0;

  readonly find?: NonNullable<Sink['find']>;

  /** @param finds false: it cannot tell what it holds */
  constructor(
    readonly batchSize = 500,
    finds = true,
  ) {
    if (finds)
      this.find = (uids, from, to) =>
        this.#exclusively(async () => this.#found(uids, floorToMillisecond(from), floorToMillisecond(to)));
  }

  /** The records' texts as they were delivered, in order. */
  *texts(): Generator<string> {
    for (const { text } of this.held()) yield text;
  }

  /** Takes away what was delivered of a stretch of time, as if its files were gone. Epoch milliseconds. */
  remove(from: number, to: number): number {
    const keep = this.events.filter(({ time }) => time < from || time >= to);
    const gone = this.events.length - keep.length;
    this.events.splice(0, this.events.length, ...keep);
    return gone;
  }

  /** Puts another position in place of a lane's own. */
  tamper(lane: string, change: (stored: StoredCursor) => StoredCursor): void {
    const state = this.#lanes.get(lane)!;
    this.#lanes.set(lane, { ...state, cursor: throughJson(decodeCursor(change(encodeCursor(state.cursor)))) });
  }

  /** Puts a lane under another name. */
  rename(lane: string, name: string): void {
    this.tamper(lane, (cursor) => ({ ...cursor, lane: name }));
    this.#lanes.set(name, this.#lanes.get(lane)!);
    this.#lanes.delete(lane);
  }

  *held(): Generator<Held> {
    for (const { uid, time, text } of this.events) {
      yield { uid, time, text: (JSON.parse(text) as { raw_data: string }).raw_data };
    }
    for (const { uid, time, raw } of this.deadLetters) yield { uid, time, text: raw };
  }

  lane(name: string): LaneSink {
    let open = false;
    return {
      open: async () => {
        this.#take(name);
        open = true;
        return this.#committed(name);
      },
      commit: (batch) =>
        this.#exclusively(async () => {
          if (!open) throw new Error(`lane ${name} is not open`);
          this.#number += 1;
          const fate = await this.fate(batch, this.#number);
          if (fate === 'lost') throw unavailable();
          this.#keep(name, batch);
          if (fate === 'in_doubt') throw unavailable();
        }),
      close: async () => {
        if (open) this.#locked.delete(name);
        open = false;
      },
    };
  }

  async peek(lane: string): Promise<Cursor | undefined> {
    return this.#lanes.get(lane)?.cursor;
  }

  async lanes(): Promise<readonly string[]> {
    return [...this.#lanes.keys()].sort((a, b) => Number(b === 'live') - Number(a === 'live'));
  }

  async *currentEntities(types: readonly string[]): AsyncGenerator<Entity, void, void> {
    const current = new Map(this.entities.map((entity) => [`${entity.type} ${entity.key}`, entity]));
    for (const entity of current.values()) if (types.includes(entity.type) && entity.value !== undefined) yield entity;
  }

  async lock(name: string): Promise<Lock> {
    this.#take(name);
    let mine = true;
    return {
      release: async () => {
        if (mine) this.#locked.delete(name);
        mine = false;
      },
    };
  }

  async close(): Promise<void> {
    this.#locked.clear();
  }

  #take(name: string): void {
    if (this.#locked.has(name)) throw new CollectorError('LANE_IN_USE', `Lane ${name} is in use.`, { cure: 'Wait.' });
    this.#locked.add(name);
  }

  /** The pipeline asks one thing at a time. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new Error('the sink was called while it was at work');
    this.#busy = true;
    try {
      await new Promise((resolve) => setImmediate(resolve));
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  #committed(name: string): Committed | undefined {
    const state = this.#lanes.get(name);
    return state && { cursor: state.cursor, dedupe: state.dedupe };
  }

  #keep(name: string, batch: Batch): void {
    this.events.push(...batch.events);
    this.deadLetters.push(...batch.deadLetters);
    this.raw.push(...batch.raw);
    this.entities.push(...batch.entities);
    this.commits.push(batch.cursor);
    const seen = [...(this.#lanes.get(name)?.dedupe ?? []), ...batch.dedupeAdditions];
    this.#lanes.set(name, {
      cursor: throughJson(batch.cursor),
      dedupe: seen.filter(({ minute }) => minute >= batch.evictBefore),
    });
  }

  #found(uids: readonly string[], from: number, to: number): ReadonlySet<string> {
    const asked = new Set(uids);
    const found = new Set<string>();
    for (const held of [this.events, this.deadLetters])
      for (const { uid, time } of held)
        if (asked.has(uid) && (time === undefined || (time >= from && time <= to))) found.add(uid);
    return found;
  }
}

function unavailable(): CollectorError {
  return new CollectorError('SINK_UNAVAILABLE', 'the sink did not answer', { cure: 'Wait.', transient: true });
}

/** A cursor as it comes back from where it was stored. */
function throughJson(cursor: Cursor): Cursor {
  return decodeCursor(JSON.parse(JSON.stringify(encodeCursor(cursor))) as StoredCursor);
}
