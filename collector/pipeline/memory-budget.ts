import type { Clock } from '../clock.js';
import { unlessAborted } from '../jumpcloud/http/abort.js';

/** Bytes that one holder has in memory or is about to take. */
export interface Reservation {
  readonly bytes: number;
  /** Corrects them to what is in memory. Never waits: what is there counts, also beyond the budget. */
  set(bytes: number): void;
  /** May be called twice. */
  release(): void;
}

/** Of the budget, what batches of lanes that catch up, backfills and inventories may hold together: a live poll finds room. */
const BULK_SHARE = 3 / 4;
/**
 * Where no request of a kind was granted for so long, those are no longer waited for that have changed nothing for as long:
 * their sink stalls, or JumpCloud does not answer. Who only waits for others at the same sink does not count: these go on, and
 * with them the grants. The next bulk request goes before live ones then.
 */
const STALLED_MS = 30_000;

/** `live`: a poll of a lane that is not behind. */
type Kind = 'live' | 'bulk';

interface Held {
  bytes: number;
  /** `ahead`: pages that are read before they are needed. */
  readonly kind: Kind | 'ahead';
  /** Of the monotonic clock. */
  changedAt: number;
  /** Not waited for until it changes. */
  isStalled: boolean;
}

interface Request {
  readonly bytes: number;
  readonly kind: Kind;
  readonly since: number;
  readonly grant: (reservation: Reservation) => void;
}

/**
 * What all feeds and lanes of a process hold in memory of records on their way: pages, open batches, batches being committed.
 * A request that finds no room waits, first come, first served, live polls before the rest. A holder asks for all that its next
 * batch takes, and commits what it holds before it waits; what is read ahead is waited for only while somebody else is at
 * work: so no two wait for each other.
 */
export class MemoryBudget {
  #bytes = 0;
  readonly #held = new Set<Held>();
  readonly #waiting: Readonly<Record<Kind, Request[]>> = { live: [], bulk: [] };
  readonly #grantedAt: Record<Kind, number> = { live: Number.NEGATIVE_INFINITY, bulk: Number.NEGATIVE_INFINITY };
  /** Ends the wait for the next holder that may stall; undefined: nobody waits. */
  #watching: AbortController | undefined;

  #limit: number;

  /** @param limit bytes */
  constructor(
    limit: number,
    private readonly clock: Pick<Clock, 'monotonic' | 'sleep'>,
  ) {
    this.#limit = limit;
  }

  /** Bytes that may be reserved. */
  get limit(): number {
    return this.#limit;
  }

  /** Bytes that are reserved. More than the limit only by what was larger than its holder could know. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting.live.length + this.#waiting.bulk.length;
  }

  /** Whether half of the budget is free and nobody waits: what is not needed yet may be read. */
  get hasPlenty(): boolean {
    return this.waiting === 0 && this.#bytes <= this.#limit / 2;
  }

  /** The part of the budget that falls to one more bulk request, were all as large. */
  get bulkShare(): number {
    let requests = 1 + this.#waiting.bulk.length;
    for (const { kind } of this.#held) if (kind !== 'live') requests += 1;
    return this.#ceiling('bulk') / requests;
  }

  /** @param limit bytes; what is reserved already stays */
  resize(limit: number): void {
    this.#limit = limit;
    this.#grant();
  }

  /**
   * Waits until there is room. What is larger than could ever fit gets all there is, alone.
   * @throws CollectorError ABORTED
   */
  async reserve(bytes: number, kind: Kind, signal: AbortSignal): Promise<Reservation> {
    const queue = this.#waiting[kind];
    let grant: Request['grant'] = () => {};
    const granted = new Promise<Reservation>((resolve) => {
      grant = resolve;
    });
    const request = { bytes, kind, since: this.clock.monotonic(), grant };
    queue.push(request);
    this.#grant();
    try {
      return await unlessAborted(granted, signal);
    } catch (error) {
      const at = queue.indexOf(request);
      if (at < 0) (await granted).release();
      else queue.splice(at, 1);
      this.#grant();
      throw error;
    }
  }

  /** What is read ahead of a batch: nothing at first, and more without waiting. */
  readAhead(): Reservation {
    return this.#take(0, 'ahead');
  }

  #grant(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { kind, grant } = next;
      const bytes = Math.min(next.bytes, this.#ceiling(kind));
      if (!this.#fits(bytes, kind) && !(this.#hasWaited(next) && this.#passOver() && this.#fits(bytes, kind))) break;
      this.#waiting[kind].shift();
      this.#grantedAt[kind] = this.clock.monotonic();
      grant(this.#take(bytes, kind));
    }
    this.#watch();
  }

  #next(): Request | undefined {
    const [live] = this.#waiting.live;
    const [bulk] = this.#waiting.bulk;
    return bulk !== undefined && this.#hasWaited(bulk) ? bulk : (live ?? bulk);
  }

  /** Whether neither the request nor another of its kind was granted for so long that stalled holders are passed over. */
  #hasWaited(request: Request): boolean {
    return this.#deadline(request) <= this.clock.monotonic();
  }

  #deadline({ since, kind }: Request): number {
    return Math.max(since, this.#grantedAt[kind]) + STALLED_MS;
  }

  /** @returns whether there is a holder that has stalled since */
  #passOver(): boolean {
    let isAny = false;
    for (const held of this.#held) {
      if (held.isStalled || held.changedAt + STALLED_MS > this.clock.monotonic()) continue;
      held.isStalled = true;
      isAny = true;
    }
    return isAny;
  }

  #ceiling(kind: Kind): number {
    return kind === 'bulk' ? this.#limit * BULK_SHARE : this.#limit;
  }

  #fits(bytes: number, kind: Kind): boolean {
    const room = this.#ceiling(kind) - bytes;
    if (this.#bytes <= room) return true;
    const atWork = [...this.#held].filter(({ isStalled }) => !isStalled);
    // Pages that are read ahead are not released before a batch has room for them.
    if (atWork.every((held) => held.kind === 'ahead')) return true;
    return atWork.reduce((sum, held) => sum + held.bytes, 0) <= room;
  }

  #take(bytes: number, kind: Held['kind']): Reservation {
    const held: Held = { bytes, kind, changedAt: this.clock.monotonic(), isStalled: false };
    this.#held.add(held);
    this.#bytes += bytes;
    const change = (to: number) => {
      const isLess = to < held.bytes;
      this.#bytes += to - held.bytes;
      held.bytes = to;
      held.changedAt = this.clock.monotonic();
      held.isStalled = false;
      if (isLess) this.#grant();
    };
    return {
      get bytes() {
        return held.bytes;
      },
      set: (to) => {
        if (this.#held.has(held)) change(to);
      },
      release: () => {
        if (this.#held.delete(held)) change(0);
      },
    };
  }

  /** Looks again when the next holder may have stalled, as long as somebody waits. */
  #watch(): void {
    if (this.waiting === 0) {
      this.#watching?.abort();
      this.#watching = undefined;
    } else if (this.#watching === undefined) {
      const watching = new AbortController();
      this.#watching = watching;
      const now = this.clock.monotonic();
      const [live, bulk] = [this.#waiting.live[0], this.#waiting.bulk[0]];
      const deadlines = [live, bulk].flatMap((request) => (request === undefined ? [] : [this.#deadline(request)]));
      const stalls = [...this.#held]
        .filter(({ isStalled }) => !isStalled)
        .map(({ changedAt }) => changedAt + STALLED_MS);
      const next = Math.min(now + STALLED_MS, ...[...deadlines, ...stalls].filter((at) => at > now));
      void this.clock.sleep(next - now, watching.signal).then(() => {
        if (watching.signal.aborted) return;
        this.#watching = undefined;
        this.#grant();
      });
    }
  }
}
