import { floorToSecond } from '../../mappings/instant.js';
import { SECONDS_PER_HOUR } from '../../mappings/time-units.js';
import type { CommitExtension, PendingCommit } from '../pipeline/commit-extension.js';
import { type HourOutcomes, type OutcomeCounts, UNNAMED } from '../pipeline/outcome-counts.js';
import type { Cursor, InsightsPosition } from '../position/cursor.js';

/** What the lane has delivered of one service in one hour, and what JumpCloud counted there. */
export interface HourRow extends OutcomeCounts {
  /** JumpCloud's count beyond what was delivered, where reading the hour again brought nothing new: negative where its count lags. */
  readonly explained: number;
  /** JumpCloud's count when it was last asked for; null: it cannot be known; undefined: not asked since something was delivered. */
  readonly count: number | null | undefined;
}

/**
 * What the live lane has delivered, by hour of the records' own time and by service: kept with the position and moved
 * by the commit that delivers, so that no crash comes between the two.
 */
export interface HourlyLedger {
  /** Hours since the epoch: of this hour, and all after it, every record is counted; of the one before, perhaps a part. */
  readonly whole: number;
  /** The last hour that was compared with JumpCloud's count. */
  readonly compared: number | undefined;
  /** Hour → service as a query names it → row; oldest hour first. */
  readonly hours: ReadonlyMap<number, ReadonlyMap<string, HourRow>>;
}

/** What of a position bounds the hours that are kept. */
type Edges = Pick<InsightsPosition, 'watermark' | 'maxEventTime'>;

/** In place of further services, once there are more than JumpCloud has: names in records are not ours to bound. */
export const FURTHER = '(other)';

/** Name of the hourly ledger's place in the cursor's memory. */
const PLACE = 'tally';
/** Hours that are kept behind the position, and taken in ahead of the newest record: what is dated further ahead is not counted. */
const KEPT_HOURS = 72;
const AHEAD_HOURS = 24;
/** Keeps the stored form below 40 kB: a state record must not grow with what strangers write into records. */
const MOST_ROWS = 1_200;
const MOST_SERVICES = 60;
/** Stored in place of a count that was not asked for. */
const NOT_ASKED = -1;

const nothing: HourRow = { delivered: 0, deadLetters: 0, raw: 0, notSelected: 0, explained: 0, count: undefined };

/** Whether JumpCloud can be asked for the count of a service of this name. */
export function isCountable(name: string): boolean {
  return name !== UNNAMED && name !== FURTHER;
}

/** The row of a service in an hour; one of zeros where nothing of it was delivered. */
export function rowOf(hourly: HourlyLedger, hour: number, service: string): HourRow {
  return hourly.hours.get(hour)?.get(service) ?? nothing;
}

/** The services with a row in any of these hours. */
export function servicesIn(hourly: HourlyLedger, hours: readonly number[]): string[] {
  return [...new Set(hours.flatMap((hour) => [...(hourly.hours.get(hour)?.keys() ?? [])]))];
}

/** Keeps the hourly ledger of a live lane with its position. */
export class LedgerExtension implements CommitExtension {
  readonly key = PLACE;
  #hourly: HourlyLedger = { whole: 0, compared: undefined, hours: new Map() };

  /** As of the last commit that was begun. */
  get current(): HourlyLedger {
    return this.#hourly;
  }

  restore(stored: unknown, cursor: Cursor): void {
    this.#hourly = fromStored(stored) ?? begun(cursor);
  }

  /** Puts another hourly ledger in place, which the next commit stores. */
  replace(hourly: HourlyLedger): void {
    this.#hourly = hourly;
  }

  beforeCommit({ hours, after, isStepBack }: PendingCommit): { state: unknown } {
    // An hourly ledger that followed a damaged position begins again.
    this.#hourly = added(isStepBack ? begun(after) : this.#hourly, hours, after.position);
    return { state: toStored(this.#hourly) };
  }
}

/** The hourly ledger kept with a position; one that begins now where there is none, or none that can be read. */
export function ledgerOf(cursor: Cursor): HourlyLedger {
  return fromStored(cursor.extensions[PLACE]) ?? begun(cursor);
}

/** An hourly ledger in the form in which it is stored with the position, under its own name. */
export function inMemory(hourly: HourlyLedger): Readonly<Record<string, unknown>> {
  return { [PLACE]: toStored(hourly) };
}

/** The hourly ledger after a batch, trimmed to the hours round the position that follows it. */
export function added(hourly: HourlyLedger, batch: readonly HourOutcomes[], position: Edges): HourlyLedger {
  const { first, last, whole } = bounds(hourly, position);
  const hours = new Map([...hourly.hours].filter(([hour]) => hour >= first && hour <= last));
  const names = new Set(namesIn(hours));
  for (const { hour, service, ...counts } of batch) {
    if (hour < first || hour > last) continue;
    const rows = new Map(hours.get(hour));
    const name = names.has(service) || names.size < MOST_SERVICES ? service : FURTHER;
    names.add(name);
    const row = rows.get(name) ?? nothing;
    rows.set(name, {
      delivered: row.delivered + counts.delivered,
      deadLetters: row.deadLetters + counts.deadLetters,
      raw: row.raw + counts.raw,
      notSelected: row.notSelected + counts.notSelected,
      explained: row.explained,
      count: undefined,
    });
    hours.set(hour, rows);
  }
  return limited({ ...hourly, whole, hours: new Map([...hours].sort(([a], [b]) => a - b)) });
}

/**
 * The hourly ledger after an hour was read again as a whole: what it shows of records that are not selected is all there are.
 * @param batches what the search has brought
 */
export function recounted(hourly: HourlyLedger, hour: number, batches: readonly HourOutcomes[]): HourlyLedger {
  const shown = new Map<string, number>();
  for (const batch of batches)
    if (batch.hour === hour) shown.set(batch.service, (shown.get(batch.service) ?? 0) + batch.notSelectedAgain);
  const rows = [...shown].map(([service, notSelected]) => {
    const row = rowOf(hourly, hour, service);
    return { hour, service, row: { ...row, notSelected: Math.max(row.notSelected, notSelected) } };
  });
  return withRows(hourly, rows);
}

/** The hourly ledger with other rows in place of its own; hours that it does not keep stay as they are. */
export function withRows(
  hourly: HourlyLedger,
  rows: Iterable<{ readonly hour: number; readonly service: string; readonly row: HourRow }>,
): HourlyLedger {
  const hours = new Map(hourly.hours);
  for (const { hour, service, row } of rows) {
    if (hour < hourly.whole) continue;
    hours.set(hour, new Map(hours.get(hour)).set(service, row));
  }
  return { ...hourly, hours: new Map([...hours].sort(([a], [b]) => a - b)) };
}

/** Before the first record everything from the origin on is still to come; later only hours that have not begun are whole. */
function begun({ counts, position }: Cursor): HourlyLedger {
  const last = floorToSecond(position.maxEventTime);
  const whole =
    counts.records === 0 ? Math.ceil(position.ownedFrom / SECONDS_PER_HOUR) : Math.floor(last / SECONDS_PER_HOUR) + 1;
  return { whole, compared: undefined, hours: new Map() };
}

function bounds(hourly: HourlyLedger, { watermark, maxEventTime }: Edges) {
  const floor = Math.floor(watermark / SECONDS_PER_HOUR) - KEPT_HOURS;
  const latest = Math.max(watermark, floorToSecond(maxEventTime));
  const whole = Math.max(hourly.whole, floor);
  return { whole, first: Math.max(whole - 1, floor), last: Math.floor(latest / SECONDS_PER_HOUR) + AHEAD_HOURS };
}

/** Gives up the oldest hours until what is left is small enough. */
function limited(hourly: HourlyLedger): HourlyLedger {
  let rows = 0;
  for (const hour of hourly.hours.values()) rows += hour.size;
  if (rows <= MOST_ROWS) return hourly;
  const hours = new Map(hourly.hours);
  let { whole } = hourly;
  for (const [hour, { size }] of hourly.hours) {
    if (rows <= MOST_ROWS) break;
    hours.delete(hour);
    whole = Math.max(whole, hour + 1);
    rows -= size;
  }
  return { ...hourly, whole, hours };
}

function namesIn(hours: ReadonlyMap<number, ReadonlyMap<string, HourRow>>): ReadonlySet<string> {
  return new Set([...hours.values()].flatMap((rows) => [...rows.keys()]));
}

/**
 * One array an hour from `start` on, in it one array a row: the service's number, JumpCloud's count, delivered, dead
 * letters, raw, not selected, explained; zeros at its end are left out.
 */
interface StoredLedger {
  readonly whole: number;
  readonly compared?: number;
  readonly services: readonly string[];
  readonly start: number;
  readonly hours: readonly (readonly (readonly (number | null)[])[])[];
}

function toStored({ whole, compared, hours }: HourlyLedger): StoredLedger {
  const services = [...namesIn(hours)];
  const number = new Map(services.map((service, index) => [service, index]));
  const kept = [...hours.keys()];
  const start = kept[0] ?? whole;
  const end = kept.at(-1) ?? start - 1;
  const rowsOf = (hour: number) =>
    [...(hours.get(hour) ?? [])].map(([service, row]) => shortened(number.get(service)!, row));
  return {
    whole,
    ...(compared === undefined ? {} : { compared }),
    services,
    start,
    hours: Array.from({ length: end - start + 1 }, (_, index) => rowsOf(start + index)),
  };
}

function shortened(service: number, row: HourRow): (number | null)[] {
  const count = row.count === undefined ? NOT_ASKED : row.count;
  const numbers = [service, count, row.delivered, row.deadLetters, row.raw, row.notSelected, row.explained];
  while (numbers.at(-1) === 0) numbers.pop();
  return numbers;
}

function fromStored(value: unknown): HourlyLedger | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { whole, compared, services, start, hours: stored } = value as Partial<StoredLedger>;
  const isSound =
    Number.isSafeInteger(whole) &&
    (compared === undefined || Number.isSafeInteger(compared)) &&
    Number.isSafeInteger(start) &&
    Array.isArray(services) &&
    services.every((service) => typeof service === 'string') &&
    Array.isArray(stored) &&
    stored.length <= KEPT_HOURS + AHEAD_HOURS + 2;
  if (!isSound) return undefined;
  const hours = new Map<number, ReadonlyMap<string, HourRow>>();
  for (const [index, list] of stored.entries()) {
    const rows = readRows(list, services as readonly string[]);
    if (rows === undefined) return undefined;
    if (rows.size > 0) hours.set(start! + index, rows);
  }
  return { whole: whole!, compared, hours };
}

function readRows(list: unknown, services: readonly string[]): Map<string, HourRow> | undefined {
  if (!Array.isArray(list)) return undefined;
  const rows = new Map<string, HourRow>();
  for (const stored of list as unknown[]) {
    if (!Array.isArray(stored)) return undefined;
    const [number = 0, count = 0, ...counted] = stored as (number | null)[];
    const service = services[number ?? -1];
    const [events = 0, deadLetters = 0, raw = 0, notSelected = 0, explained = 0] = counted as number[];
    const numbers = [events, deadLetters, raw, notSelected];
    const isSound =
      service !== undefined &&
      (count === null || (Number.isSafeInteger(count) && count >= NOT_ASKED)) &&
      numbers.every((one) => Number.isSafeInteger(one) && one >= 0) &&
      Number.isSafeInteger(explained);
    if (!isSound) return undefined;
    const asked = count === NOT_ASKED ? undefined : count;
    rows.set(service, { delivered: events, deadLetters, raw, notSelected, explained, count: asked });
  }
  return rows;
}
