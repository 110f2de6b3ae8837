import { floorToSecond, type Instant } from '../../mappings/instant.js';

/** The identities of one minute of event time. */
export interface DedupeChunk {
  /** Minutes since the epoch of the records' own time. */
  readonly minute: number;
  /** First 8 bytes of each record's uid, big-endian. */
  readonly hashes: BigUint64Array;
}

/**
 * The identities a lane has examined lately: 8 bytes of each uid, by minute of the record's own time. A record that is
 * read again has the same time, so only its minute is looked at, and whole minutes are forgotten at once.
 */
export class DedupeSet {
  readonly #minutes = new Map<number, Set<bigint>>();
  #staged = new Map<number, bigint[]>();

  constructor(chunks: readonly DedupeChunk[] = []) {
    for (const { minute, hashes } of chunks) {
      const set = this.#set(minute);
      for (const hash of hashes) set.add(hash);
    }
  }

  /**
   * Remembers a record. False where it was remembered before: the record is a repeat.
   * @param anywhere true for a record that tells no time of its own: it may have been remembered at another
   */
  add(uid: string, instant: Instant, anywhere = false): boolean {
    const minute = minuteOf(instant);
    const hash = hashOf(uid);
    if (anywhere && this.has(uid)) return false;
    const set = this.#set(minute);
    if (set.has(hash)) return false;
    set.add(hash);
    const staged = this.#staged.get(minute);
    if (staged) staged.push(hash);
    else this.#staged.set(minute, [hash]);
    return true;
  }

  /** Whether a name is remembered, at whatever time. */
  has(uid: string): boolean {
    const hash = hashOf(uid);
    for (const set of this.#minutes.values()) if (set.has(hash)) return true;
    return false;
  }

  /** What was added since the last call, for the batch that delivers it. */
  takeStaged(): DedupeChunk[] {
    const chunks = [...this.#staged].map(([minute, hashes]) => ({ minute, hashes: BigUint64Array.from(hashes) }));
    this.#staged = new Map();
    return chunks;
  }

  /** Drops whole minutes before this one. */
  evictBefore(minute: number): void {
    for (const remembered of this.#minutes.keys()) if (remembered < minute) this.#minutes.delete(remembered);
  }

  /** How many identities are held. */
  get size(): number {
    let size = 0;
    for (const set of this.#minutes.values()) size += set.size;
    return size;
  }

  #set(minute: number): Set<bigint> {
    let set = this.#minutes.get(minute);
    if (!set) {
      set = new Set();
      this.#minutes.set(minute, set);
    }
    return set;
  }
}

/** The minute since the epoch in which an instant lies. */
function minuteOf(instant: Instant): number {
  return Math.floor(floorToSecond(instant) / 60);
}

/** The first 8 bytes of a uid of 32 hexadecimal digits. */
export function hashOf(uid: string): bigint {
  return BigInt(`0x${uid.slice(0, 16)}`);
}
