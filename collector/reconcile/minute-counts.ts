import { MINUTES_PER_HOUR } from '../../mappings/time-units.js';
import type { MinuteCounts } from '../pipeline/outcome-counts.js';

/**
 * What was read of a range of time, as JumpCloud gave it, to be compared with JumpCloud's own count. Spans lie on a
 * fixed grid of minutes; older ones are joined to hours.
 */
export interface CountSpan {
  /** Minutes since the epoch; `end` is not included. */
  readonly start: number;
  readonly end: number;
  /** Elements of the array at the last full read, repeats included; undefined: never read in full. */
  readonly length: number | undefined;
  /** JumpCloud's count less `length`, after a read that brought nothing new: a difference that is settled. */
  readonly explained: number;
}

/** Adjoining spans, oldest first, of one set of services: a count over others cannot be compared. */
export interface CountLedger {
  readonly services: readonly string[];
  readonly spans: readonly CountSpan[];
}

/** A range of minutes since the epoch that a search has read in full, and what it brought. */
export interface ReadMinutes {
  readonly start: number;
  readonly end: number;
  readonly minutes: MinuteCounts;
}

/** The minute from which on nothing is in the ledger; undefined where it is empty. */
export function endOf(ledger: CountLedger): number | undefined {
  return ledger.spans.at(-1)?.end;
}

/**
 * The ledger after the lane's position has come to minute `to`. Minutes that the search has not read in full are taken in
 * as never read: a gap is then seen rather than taken for silence.
 * @param from where an empty ledger begins
 */
export function extended(ledger: CountLedger, from: number, to: number, read: ReadMinutes): CountLedger {
  const spans = [...ledger.spans];
  let minute = endOf(ledger) ?? from;
  while (minute < to) {
    const isRead = minute >= read.start && minute < read.end;
    const length = isRead ? (read.minutes.get(minute) ?? 0) : undefined;
    spans.push({ start: minute, end: minute + 1, length, explained: 0 });
    minute += 1;
  }
  return { ...ledger, spans };
}

/** The ledger of a lane whose position went back to minute `to`: what it does not hold from `from` on counts as never read. */
export function cutBack(ledger: CountLedger, from: number, to: number): CountLedger {
  const kept = ledger.spans.filter(({ start, end }) => start >= from && end <= to);
  const unread = { start: to, end: to, minutes: new Map<number, number>() };
  const before = extended({ ...ledger, spans: [] }, from, kept[0]?.start ?? from, unread);
  return extended({ ...ledger, spans: [...before.spans, ...kept] }, from, to, unread);
}

/** The ledger after some of its spans were read again; what was explained before is forgotten with the old lengths. */
export function withReread(ledger: CountLedger, read: ReadMinutes): CountLedger {
  const spans = ledger.spans.flatMap((span) => {
    if (span.end <= read.start || span.start >= read.end) return span;
    if (span.start < read.start || span.end > read.end) {
      throw new RangeError('a span was read in part');
    }
    return { ...span, length: total(span, read.minutes), explained: 0 };
  });
  return { ...ledger, spans };
}

/** The ledger after a range was read and JumpCloud still counts otherwise: from now on that count is what is expected. */
export function acceptCount(ledger: CountLedger, start: number, end: number, count: number): CountLedger {
  const inside = ledger.spans.filter((span) => span.start >= start && span.end <= end);
  const length = sum(inside.map((span) => span.length ?? 0));
  if (inside.length === 0 || count === length) return ledger;
  // Which of the spans the difference lies in is not known: they are one from now on.
  const joined: CountSpan = { start: inside[0]!.start, end: inside.at(-1)!.end, length, explained: count - length };
  return {
    ...ledger,
    spans: ledger.spans.flatMap((span) => (span === inside[0] ? joined : inside.includes(span) ? [] : span)),
  };
}

/** The ledger of another set of services: what it holds counts as never read. */
export function forServices(ledger: CountLedger, services: readonly string[]): CountLedger {
  if (services.length === ledger.services.length && services.every((service) => ledger.services.includes(service)))
    return ledger;
  return { services, spans: ledger.spans.map((span) => ({ ...span, length: undefined, explained: 0 })) };
}

/** What JumpCloud's count must be if nothing has changed since these spans were read; undefined where one never was. */
export function expectedCount(spans: readonly CountSpan[]): number | undefined {
  let count = 0;
  for (const { length, explained } of spans) {
    if (length === undefined) return undefined;
    count += length + explained;
  }
  return count;
}

/** Spans from a minute on. One that begins before it counts whole: half of a span cannot be compared. */
export function spansFrom(ledger: CountLedger, from: number): readonly CountSpan[] {
  return ledger.spans.filter((span) => span.end > from);
}

/** Without what lies before `from`, and with everything before `fine` joined to hours of the clock, so that the ledger stays small. */
export function trimmed(ledger: CountLedger, from: number, fine: number): CountLedger {
  const spans: CountSpan[] = [];
  for (const span of spansFrom(ledger, from)) {
    const last = spans.at(-1);
    const joins =
      last !== undefined &&
      span.end <= fine &&
      hourOf(last.start) === hourOf(span.end - 1) &&
      (last.length === undefined) === (span.length === undefined);
    if (joins) spans[spans.length - 1] = join(last, span);
    else spans.push(span);
  }
  return { ...ledger, spans };
}

/** The spans of one hour since the epoch; undefined where the ledger does not hold just that hour. */
export function spansOfHour(ledger: CountLedger, hour: number): readonly CountSpan[] | undefined {
  const [from, to] = [hour * MINUTES_PER_HOUR, (hour + 1) * MINUTES_PER_HOUR];
  const spans = ledger.spans.filter(({ start, end }) => end > from && start < to);
  return spans[0]?.start === from && spans.at(-1)!.end === to ? spans : undefined;
}

/** Where to halve a range of spans: at the hour's edge that is nearest to its middle, at the middle where it lies in one hour. */
export function middleOf(spans: readonly CountSpan[]): number {
  const middle = Math.ceil(spans.length / 2);
  const edges = spans.flatMap(({ start }, index) => (index > 0 && start % MINUTES_PER_HOUR === 0 ? [index] : []));
  return edges.reduce(
    (best, edge) => (Math.abs(edge - middle) < Math.abs(best - middle) ? edge : best),
    edges[0] ?? middle,
  );
}

/** Whether a range of spans lies in one hour of the clock. */
export function isOneHour(spans: readonly CountSpan[]): boolean {
  return spans.length === 0 || hourOf(spans[0]!.start) === hourOf(spans.at(-1)!.end - 1);
}

/** Splits spans into blocks that adjoin: never wider than `minutes` unless a single span is. */
export function blocks(spans: readonly CountSpan[], width: number): (readonly CountSpan[])[] {
  const found: CountSpan[][] = [];
  for (const span of spans) {
    const last = found.at(-1);
    if (last && last.at(-1)!.end === span.start && span.end - last[0]!.start <= width) last.push(span);
    else found.push([span]);
  }
  return found;
}

/** The form in which the ledger is stored with the position: a number for a plain minute, else `[minutes, length, explained]`. */
export interface StoredCountLedger {
  readonly services: readonly string[];
  readonly start: number;
  readonly cells: readonly (number | readonly [width: number, length: number | null, explained: number])[];
}

export function toStored({ services, spans }: CountLedger): StoredCountLedger {
  return {
    services,
    start: spans[0]?.start ?? 0,
    cells: spans.map(({ start, end, length, explained }) =>
      end - start === 1 && length !== undefined && explained === 0 ? length : [end - start, length ?? null, explained],
    ),
  };
}

/** @returns undefined for anything that is no stored ledger: the ledger is then built again */
export function fromStored(value: unknown): CountLedger | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { services, start, cells } = value as Partial<StoredCountLedger>;
  if (!Array.isArray(services) || typeof start !== 'number' || !Array.isArray(cells)) return undefined;
  const found: CountSpan[] = [];
  let minute = start;
  for (const stored of cells as unknown[]) {
    const [width, length, explained] = (Array.isArray(stored) ? stored : [1, stored, 0]) as unknown[];
    const sound =
      Number.isSafeInteger(width) &&
      (width as number) > 0 &&
      Number.isSafeInteger(explained) &&
      (length === null || (Number.isSafeInteger(length) && (length as number) >= 0));
    if (!sound) return undefined;
    found.push({
      start: minute,
      end: minute + (width as number),
      length: length === null ? undefined : (length as number),
      explained: explained as number,
    });
    minute += width as number;
  }
  return { services: services.map(String), spans: found };
}

function hourOf(minute: number): number {
  return Math.floor(minute / MINUTES_PER_HOUR);
}

function join(a: CountSpan, b: CountSpan): CountSpan {
  const length = a.length === undefined || b.length === undefined ? undefined : a.length + b.length;
  return { start: a.start, end: b.end, length, explained: a.explained + b.explained };
}

function total({ start, end }: CountSpan, minutes: MinuteCounts): number {
  let found = 0;
  for (const [minute, length] of minutes) if (minute >= start && minute < end) found += length;
  return found;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
