import type { Counts } from '../position/cursor.js';
import type { LaneObserver } from '../reconcile/observer.js';

/** Counts per minute or hour, oldest first; null: nothing is known of it, because nothing watched. */
export interface ActivitySeries {
  /** RFC 3339: the beginning of the first bucket, and the end of the last. */
  readonly from: string;
  readonly to: string;
  /** Seconds per bucket: 60 or 3600. */
  readonly step: number;
  /** `received`, `events`, `deadLetters`, `duplicates`, `notSelected`, `raw`, `late`, and `class:3002`… */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}

export type ActivityRange = '1h' | '24h' | '7d' | '90d';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const RANGES: Readonly<Record<ActivityRange, { readonly stepMs: number; readonly buckets: number }>> = {
  '1h': { stepMs: MINUTE_MS, buckets: 60 },
  '24h': { stepMs: MINUTE_MS, buckets: 1440 },
  '7d': { stepMs: HOUR_MS, buckets: 168 },
  '90d': { stepMs: HOUR_MS, buckets: 2160 },
};

/** Counted per bucket; the names of the members of a commit's counts but for the first. */
const FIELDS = ['received', 'events', 'deadLetters', 'duplicates', 'notSelected', 'raw', 'late'] as const;
/** Classes that are counted apart; further ones count in `events` alone. */
const MOST_CLASSES = 12;

/** The stored form of a ring: runs of watched buckets, and the rows of those in which anything was counted. */
export interface StoredRing {
  /** First and last bucket (since the epoch) of each run, in order. */
  readonly watched: readonly (readonly [number, number])[];
  /** Bucket, the fields in their order, then pairs of a class_uid and its events. */
  readonly rows: readonly (readonly number[])[];
}

/** What a feed did, as it is stored. */
export interface StoredActivity {
  readonly version: 1;
  readonly minutes: StoredRing;
  readonly hours: StoredRing;
}

interface Row {
  readonly fields: number[];
  readonly classes: Map<number, number>;
}

/** The last buckets of one length, in bounded memory. */
class Ring {
  /** Buckets by number; one without counts is undefined, one that nothing watched is absent. */
  readonly #rows = new Map<number, Row | undefined>();
  #newest = Number.NEGATIVE_INFINITY;

  constructor(
    readonly stepMs: number,
    readonly size: number,
  ) {}

  /** Marks the buckets from one instant to another as watched. */
  watch(from: number, to: number): void {
    const last = this.#bucket(to);
    for (let at = Math.max(this.#bucket(from), last - this.size + 1); at <= last; at++)
      if (!this.#rows.has(at)) this.#rows.set(at, undefined);
    this.#forget(last);
  }

  add(now: number, fields: readonly number[], classes: ReadonlyMap<number, number>): void {
    const at = this.#bucket(now);
    const row = this.#rows.get(at) ?? { fields: FIELDS.map(() => 0), classes: new Map<number, number>() };
    this.#rows.set(at, row);
    fields.forEach((count, index) => {
      row.fields[index]! += count;
    });
    for (const [uid, events] of classes)
      if (row.classes.has(uid) || row.classes.size < MOST_CLASSES)
        row.classes.set(uid, (row.classes.get(uid) ?? 0) + events);
    this.#forget(at);
  }

  /** The last buckets up to now. */
  series(now: number, buckets: number): ActivitySeries {
    const last = this.#bucket(now);
    const first = last - buckets + 1;
    const numbers = Array.from({ length: buckets }, (_, index) => first + index);
    const uids = new Set(numbers.flatMap((at) => [...(this.#rows.get(at)?.classes.keys() ?? [])]));
    const column = (of: (row: Row) => number) =>
      numbers.map((at) => {
        const row = this.#rows.get(at);
        return row === undefined ? (this.#rows.has(at) ? 0 : null) : of(row);
      });
    return {
      from: new Date(first * this.stepMs).toISOString(),
      to: new Date((last + 1) * this.stepMs).toISOString(),
      step: this.stepMs / 1000,
      series: Object.fromEntries([
        ...FIELDS.map((name, index) => [name, column(({ fields }) => fields[index]!)] as const),
        ...[...uids]
          .sort((one, other) => one - other)
          .map((uid) => [`class:${uid}`, column(({ classes }) => classes.get(uid) ?? 0)] as const),
      ]),
    };
  }

  store(): StoredRing {
    const watched: [number, number][] = [];
    const rows: number[][] = [];
    for (const at of [...this.#rows.keys()].sort((one, other) => one - other)) {
      const run = watched.at(-1);
      if (run?.[1] === at - 1) run[1] = at;
      else watched.push([at, at]);
      const row = this.#rows.get(at);
      if (row !== undefined) rows.push([at, ...row.fields, ...[...row.classes].flat()]);
    }
    return { watched, rows };
  }

  restore({ watched, rows }: StoredRing, now: number): void {
    const oldest = this.#bucket(now) - this.size;
    for (const [from, to] of watched)
      for (let at = Math.max(from, oldest); at <= Math.min(to, this.#bucket(now)); at++) this.#rows.set(at, undefined);
    for (const [at, ...counts] of rows) {
      if (at === undefined || !this.#rows.has(at)) continue;
      const pairs = counts.slice(FIELDS.length);
      const classes = new Map<number, number>();
      for (let index = 0; index + 1 < pairs.length; index += 2) classes.set(pairs[index]!, pairs[index + 1]!);
      this.#rows.set(at, { fields: FIELDS.map((_, index) => counts[index] ?? 0), classes });
    }
    this.#forget(this.#bucket(now));
  }

  #forget(newest: number): void {
    if (newest === this.#newest) return;
    this.#newest = newest;
    // Where the clock went back, what it was ahead by is no bucket of the ring either.
    for (const at of this.#rows.keys()) if (Math.abs(newest - at) >= this.size) this.#rows.delete(at);
  }

  #bucket(ms: number): number {
    return Math.floor(ms / this.stepMs);
  }
}

/**
 * What a feed received and delivered, by the minute for a day and by the hour for ninety. A time in which the feed did not
 * run or could not read is a gap, not a zero.
 */
export class Activity {
  readonly observer: LaneObserver;
  readonly #minutes = new Ring(MINUTE_MS, 1440);
  readonly #hours = new Ring(HOUR_MS, 2160);
  /** Since when all was watched; undefined while nothing is. */
  #watchedTo: number | undefined;

  /** @param now epoch milliseconds */
  constructor(private readonly now: () => number) {
    this.observer = (event) => {
      switch (event.type) {
        case 'committed':
          this.#watch();
          this.#add(event.counts, event.events);
          return;
        case 'opened':
        case 'searched':
        case 'caughtUp':
        case 'idle':
          this.#watchedTo ??= this.now();
          this.#watch();
          return;
        case 'failed':
        case 'closed':
          this.#watch();
          this.#watchedTo = undefined;
          return;
        default:
      }
    };
  }

  series(range: ActivityRange): ActivitySeries {
    this.#watch();
    const { stepMs, buckets } = RANGES[range];
    return (stepMs === MINUTE_MS ? this.#minutes : this.#hours).series(this.now(), buckets);
  }

  store(): StoredActivity {
    this.#watch();
    return { version: 1, minutes: this.#minutes.store(), hours: this.#hours.store() };
  }

  restore({ minutes, hours }: StoredActivity): void {
    this.#minutes.restore(minutes, this.now());
    this.#hours.restore(hours, this.now());
  }

  #watch(): void {
    if (this.#watchedTo === undefined) return;
    const now = this.now();
    for (const ring of [this.#minutes, this.#hours]) ring.watch(this.#watchedTo, now);
    this.#watchedTo = now;
  }

  #add({ records, ...counts }: Counts, events: readonly { readonly classUid: number }[]): void {
    const now = this.now();
    const classes = new Map<number, number>();
    for (const { classUid } of events) classes.set(classUid, (classes.get(classUid) ?? 0) + 1);
    const named: Readonly<Record<string, number>> = { received: records, ...counts };
    const fields = FIELDS.map((name) => named[name] ?? 0);
    for (const ring of [this.#minutes, this.#hours]) ring.add(now, fields, classes);
  }
}
