import { floorToSecond, formatSecond, parseInstant } from '../../mappings/instant.js';

/** Numbers of a lane since its first commit. At every commit records = events + deadLetters + duplicates + notSelected + raw. */
export interface Counts {
  records: number;
  events: number;
  deadLetters: number;
  duplicates: number;
  /** Of a family (`eventTypes`) that the feed does not collect. */
  notSelected: number;
  /** Of a class (`classes`) that the feed does not deliver: kept raw. */
  raw: number;
  /** Of all but the duplicates: those that became visible after a search had already passed their time. */
  late: number;
}

/** A service that does not share the lane's common position. */
export interface Behind {
  /** RFC 3339, whole second: its next search starts here. */
  readonly settled: string;
  /** RFC 3339, whole second: from here on the lane remembers every identity of this service; before it, only the sink can tell. */
  readonly rememberedFrom: string;
  /** True while it is catching up: its identities are kept. False while its searches rest (refused, or not selected). */
  readonly active: boolean;
  /** Why it is set aside and when it is asked again. */
  readonly refused?: {
    readonly code: string;
    readonly message: string;
    readonly since: string;
    readonly retryAt: string;
  };
}

/** How far a lane has come: small, JSON, stored by the sink in the same commit as the records it follows. */
export interface Cursor {
  readonly version: 1;
  readonly feed: string;
  /** `live` or `backfill/<from>_<to>`. */
  readonly lane: string;
  /** The JumpCloud organization this state belongs to (design decision 12). Undefined until a record named it. */
  readonly organization: string | undefined;
  readonly baseUrl: string;
  /** RFC 3339, whole second: live owns instants from here on, backfill those before. */
  readonly origin: string;
  /** Origins of services that were selected after the feed's first start. */
  readonly origins: Readonly<Record<string, string>>;
  /**
   * RFC 3339, whole second: the next search starts here. Everything before it was read when it was at least the overlap
   * old, so what becomes visible within the overlap is never behind it.
   */
  readonly settled: string;
  /** RFC 3339: the newest instant delivered, records dated ahead of both clocks do not count, so that they cannot drag it. */
  readonly newest: string;
  /** Services that `settled` speaks for. */
  readonly services: readonly string[];
  /** Services with a position of their own: newly selected, refused by JumpCloud for a time, or no longer selected. */
  readonly behind: Readonly<Record<string, Behind>>;
  readonly counts: Counts;
  /** What other parts must remember with the position, each under its own name (header that worked, key life, reconciliation). */
  readonly memory: Readonly<Record<string, unknown>>;
  /** RFC 3339, when this commit was made. */
  readonly committedAt: string;
}

export const noCounts: Counts = {
  records: 0,
  events: 0,
  deadLetters: 0,
  duplicates: 0,
  notSelected: 0,
  raw: 0,
  late: 0,
};

/** Adds two sets of counts. */
export function addCounts(a: Counts, b: Counts): Counts {
  return {
    records: a.records + b.records,
    events: a.events + b.events,
    deadLetters: a.deadLetters + b.deadLetters,
    duplicates: a.duplicates + b.duplicates,
    notSelected: a.notSelected + b.notSelected,
    raw: a.raw + b.raw,
    late: a.late + b.late,
  };
}

/** The position of a lane that has never run. `start` is a whole second since the epoch. */
export function firstCursor(of: {
  feed: string;
  lane: string;
  organization: string | undefined;
  baseUrl: string;
  start: number;
  services: readonly string[];
  now: number;
}): Cursor {
  const start = formatSecond(of.start);
  return {
    version: 1,
    feed: of.feed,
    lane: of.lane,
    organization: of.organization,
    baseUrl: of.baseUrl,
    origin: start,
    origins: {},
    settled: start,
    newest: start,
    services: [...of.services],
    behind: {},
    counts: noCounts,
    memory: {},
    committedAt: new Date(of.now).toISOString(),
  };
}

/** Whole seconds since the epoch of a position that this program wrote. */
export function secondOf(position: string): number {
  const instant = parseInstant(position);
  if (instant === undefined) throw new RangeError(`not a position: ${position}`);
  return floorToSecond(instant);
}

/** Whether a stored value has the form of a cursor; sinks ask before they trust their own state. */
export function isCursor(value: unknown): value is Cursor {
  if (typeof value !== 'object' || value === null) return false;
  const cursor = value as Record<string, unknown>;
  return (
    cursor.version === 1 &&
    typeof cursor.feed === 'string' &&
    typeof cursor.lane === 'string' &&
    typeof cursor.baseUrl === 'string' &&
    [cursor.origin, cursor.settled, cursor.newest].every((position) => parseInstant(position) !== undefined) &&
    Array.isArray(cursor.services) &&
    [cursor.behind, cursor.counts, cursor.memory, cursor.origins].every(
      (part) => typeof part === 'object' && part !== null,
    )
  );
}

/**
 * Fits a stored cursor to today's selection of services. A service that was never selected starts at `start` and gets
 * an origin of its own; one that is no longer selected keeps its place, so that selecting it again leaves no gap.
 * @returns the cursor and the services that start anew
 */
export function selectServices(
  cursor: Cursor,
  selected: readonly string[],
  start: number,
): { cursor: Cursor; started: readonly string[] } {
  const behind: Record<string, Behind> = { ...cursor.behind };
  const origins: Record<string, string> = { ...cursor.origins };
  for (const service of cursor.services) {
    if (!selected.includes(service)) {
      behind[service] = { settled: cursor.settled, rememberedFrom: cursor.settled, active: false };
    }
  }
  const from = Math.max(start, secondOf(cursor.origin));
  const started = selected.filter((service) => !cursor.services.includes(service) && behind[service] === undefined);
  for (const service of started) {
    behind[service] = { settled: formatSecond(from), rememberedFrom: formatSecond(from), active: true };
    origins[service] = formatSecond(from);
  }
  for (const [service, place] of Object.entries(behind)) {
    behind[service] = { ...place, active: selected.includes(service) && place.refused === undefined };
  }
  const services = cursor.services.filter((service) => selected.includes(service));
  return { cursor: { ...cursor, services, behind, origins }, started };
}

/** The instant, in whole seconds, from which the live lane owns a service's records. */
export function originOf(cursor: Cursor, service: string): number {
  return secondOf(cursor.origins[service] ?? cursor.origin);
}
