import type { DedupeChunk } from '../../../position/dedupe-set.js';
import type { Batch } from '../../sink.js';
import { chunkKey, cutChunks, encodeHashes, type LaneKeys, type LaneState } from './lane-state.js';

/** A record of the state topic to be written; null: a tombstone. */
export interface StateRecord {
  readonly key: string;
  readonly value: Buffer | null;
}

/** What one commit does to the chunks, not yet done. */
export interface DedupePlan {
  readonly records: readonly StateRecord[];
  /** Every chunk in reach after this commit lies there or later. */
  readonly readFrom: bigint;
  readonly chunks: number;
  readonly hashes: number;
  /** Number of the next chunk after this commit. */
  readonly sequence: number;
  /** To be called when the commit succeeded, with the offset of the first record. */
  done(firstOffset: bigint): void;
}

interface Held {
  readonly minute: number;
  readonly hashes: BigUint64Array;
  readonly offset: bigint;
  /** Bytes that had been written to the topic when it was. */
  readonly written: number;
}

// How far the oldest chunk in reach may lie behind the end before all are rewritten, so that opening a lane reads a
// bounded part of the topic: a future-dated record's chunk stays in reach for years, other lanes write in between.
const MOST_RECORDS_BEHIND = 4_000n;
const MOST_BYTES_BEHIND = 4_000_000;

/** The chunks of remembered identities that a lane has in its state topic, and where. */
export class DedupeLog {
  readonly #keys: LaneKeys;
  #held = new Map<string, Held>();
  #sequence: number;
  #written: number;
  /** Offset after the newest record known. */
  #next: bigint;

  /**
   * @param end where the state was read to
   * @param bytesRead bytes read for it: taken as lying behind its oldest chunk
   */
  constructor(keys: LaneKeys, state: LaneState, end: bigint, bytesRead: number) {
    this.#keys = keys;
    this.#next = end;
    this.#written = bytesRead;
    this.#sequence = state.entry?.sequence ?? 0;
    for (const { key, minute, hashes, offset } of state.chunks) {
      this.#held.set(key, { minute, hashes, offset, written: 0 });
      this.#sequence = Math.max(this.#sequence, Number(key.split('|').at(-1)) + 1);
    }
  }

  /** Notes that a record lies at `offset`: what opening the lane reads on its way back to the oldest chunk. */
  wrote(offset: bigint, bytes: number): void {
    if (offset >= this.#next) this.#next = offset + 1n;
    this.#written += bytes;
  }

  /** Offset after the newest record known. */
  get next(): bigint {
    return this.#next;
  }

  /** What a batch adds and drops. */
  plan({ dedupeAdditions, evictBefore }: Pick<Batch, 'dedupeAdditions' | 'evictBefore'>): DedupePlan {
    const kept = new Map<string, Held>();
    const dropped: string[] = [];
    for (const [key, held] of this.#held) {
      if (held.minute < evictBefore) dropped.push(key);
      else kept.set(key, held);
    }
    let added: DedupeChunk[] = dedupeAdditions.filter(({ minute }) => minute >= evictBefore);
    if (this.#tooFarBehind(kept)) {
      added = merge([...kept.values(), ...added]);
      dropped.push(...kept.keys());
      kept.clear();
    }
    const fresh = cutChunks(added).map((chunk, index) => ({
      ...chunk,
      key: chunkKey(this.#keys, chunk.minute, this.#sequence + index),
    }));
    const readFrom = oldestOf(kept)?.offset ?? this.#next;
    const records = [
      ...dropped.map((key) => ({ key, value: null })),
      ...fresh.map(({ key, hashes }) => ({ key, value: encodeHashes(hashes) })),
    ];
    return {
      records,
      readFrom,
      chunks: kept.size + fresh.length,
      hashes: count([...kept.values(), ...fresh]),
      sequence: this.#sequence + fresh.length,
      done: (firstOffset) => {
        fresh.forEach(({ key, minute, hashes }, index) => {
          const offset = firstOffset + BigInt(dropped.length + index);
          kept.set(key, { minute, hashes, offset, written: this.#written });
        });
        this.#held = kept;
        this.#sequence += fresh.length;
        if (records.length > 0) this.wrote(firstOffset + BigInt(records.length - 1), sizeOfState(records));
      },
    };
  }

  #tooFarBehind(kept: ReadonlyMap<string, Held>): boolean {
    const oldest = oldestOf(kept);
    if (oldest === undefined) return false;
    const live = count([...kept.values()]) * 8;
    return (
      this.#next - oldest.offset > MOST_RECORDS_BEHIND || this.#written - oldest.written > MOST_BYTES_BEHIND + 2 * live
    );
  }
}

/** Bytes of keys and values. */
export function sizeOfState(records: readonly StateRecord[]): number {
  return records.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
}

function oldestOf(chunks: ReadonlyMap<string, Held>): Held | undefined {
  let oldest: Held | undefined;
  for (const held of chunks.values()) if (oldest === undefined || held.offset < oldest.offset) oldest = held;
  return oldest;
}

function count(chunks: readonly { hashes: BigUint64Array }[]): number {
  return chunks.reduce((sum, { hashes }) => sum + hashes.length, 0);
}

/** One chunk a minute. */
function merge(chunks: readonly DedupeChunk[]): DedupeChunk[] {
  const minutes = new Map<number, BigUint64Array[]>();
  for (const { minute, hashes } of chunks) minutes.set(minute, [...(minutes.get(minute) ?? []), hashes]);
  return [...minutes].map(([minute, parts]) => {
    const hashes = new BigUint64Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      hashes.set(part, at);
      at += part.length;
    }
    return { minute, hashes };
  });
}
