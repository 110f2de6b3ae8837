import { askedAs } from '../../mappings/catalogue/index-by-type.js';
import type { Instant } from '../../mappings/instant.js';
import { instantOfSecond } from '../../mappings/instant.js';

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

/**
 * How far a lane has come: small, stored by the sink in the same commit as the records it follows. `cursor-codec.ts` has
 * the stored form, `advance-cursor.ts` what a commit changes.
 */
export interface Cursor {
  readonly version: 1;
  readonly feed: string;
  /** `live` or `backfill/<from>_<to>`. */
  readonly lane: string;
  /** The JumpCloud organization this state belongs to. Undefined until a record named it. */
  readonly organization: string | undefined;
  readonly baseUrl: string;
  readonly counts: Counts;
  /** JSON values that extensions keep with the position, each in its own slot (header that worked, key life, reconciliation). */
  readonly extensions: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds of the commit. */
  readonly committedAt: number;
  readonly position: Position;
}

/** Where a lane stands in its source; distinguished by `kind`. */
export type Position = InsightsPosition;

/** Where a lane stands in Directory Insights. Whole seconds since the epoch, unless they are instants. */
export interface InsightsPosition {
  readonly kind: 'insights';
  /** The live lane owns records from here on, backfills those before. */
  readonly ownedFrom: number;
  /** The same for services that were selected after the feed's first start. */
  readonly ownedFromByService: Readonly<Record<string, number>>;
  /**
   * The next search starts here. Everything before it was read when it was at least the overlap old, so what becomes
   * visible within the overlap is never behind it.
   */
  readonly watermark: number;
  /** The newest time of records that are not dated ahead of either clock. */
  readonly maxEventTime: Instant;
  /** Services that `watermark` speaks for. */
  readonly services: readonly string[];
  /** Services with a position of their own: newly selected, refused by JumpCloud for a time, or no longer selected. */
  readonly perService: Readonly<Record<string, ServicePosition>>;
}

/** A service that does not share the lane's common position. Whole seconds since the epoch. */
export interface ServicePosition {
  /** Its next search starts here. */
  readonly watermark: number;
  /** From here on the dedupe set holds every identity of this service; before it, only the sink can find them. */
  readonly dedupeFrom: number;
  /** True while the service is being polled. False while it is suspended (refused by JumpCloud) or deselected. */
  readonly active: boolean;
  /** Why it is suspended and when it is asked again; epoch milliseconds. */
  readonly refused?: {
    readonly code: string;
    readonly message: string;
    readonly since: number;
    readonly retryAt: number;
  };
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

/** The cursor of a lane that has never run. `start` is a whole second since the epoch, `now` epoch milliseconds. */
export function firstCursor(of: {
  feed: string;
  lane: string;
  organization: string | undefined;
  baseUrl: string;
  start: number;
  services: readonly string[];
  now: number;
}): Cursor {
  const { feed, lane, organization, baseUrl, start, services, now } = of;
  return {
    version: 1,
    feed,
    lane,
    organization,
    baseUrl,
    counts: noCounts,
    extensions: {},
    committedAt: now,
    position: {
      kind: 'insights',
      ownedFrom: start,
      ownedFromByService: {},
      watermark: start,
      maxEventTime: instantOfSecond(start),
      services: [...services],
      perService: {},
    },
  };
}

/**
 * Fits a stored cursor to today's selection of services. A service that was never selected starts at `start` and is owned
 * from there; one that is no longer selected keeps its place, so that selecting it again leaves no gap.
 * @returns the cursor and the services that start
 */
export function selectServices(
  cursor: Cursor,
  selected: readonly string[],
  start: number,
): { cursor: Cursor; started: readonly string[] } {
  const { position } = cursor;
  const { watermark } = position;
  const perService: Record<string, ServicePosition> = { ...position.perService };
  const ownedFromByService: Record<string, number> = { ...position.ownedFromByService };
  for (const service of position.services) {
    if (!selected.includes(service)) perService[service] = { watermark, dedupeFrom: watermark, active: false };
  }
  const from = Math.max(start, position.ownedFrom);
  const started = selected.filter(
    (service) => !position.services.includes(service) && perService[service] === undefined,
  );
  for (const service of started) {
    perService[service] = { watermark: from, dedupeFrom: from, active: true };
    ownedFromByService[service] = from;
  }
  for (const [service, place] of Object.entries(perService)) {
    perService[service] = { ...place, active: selected.includes(service) && place.refused === undefined };
  }
  const services = position.services.filter((service) => selected.includes(service));
  return { cursor: { ...cursor, position: { ...position, services, perService, ownedFromByService } }, started };
}

/** Whole second from which the live lane owns a service's records; the service as a record or as a query names it. */
export function serviceOwnedFrom({ position }: Pick<Cursor, 'position'>, service: string): number {
  const { ownedFrom, ownedFromByService } = position;
  return ownedFromByService[service] ?? ownedFromByService[askedAs(service)] ?? ownedFrom;
}
