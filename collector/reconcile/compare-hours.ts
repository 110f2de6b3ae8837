import { SECONDS_PER_HOUR } from '../../mappings/time-units.js';
import { accountedRecords } from '../pipeline/outcome-counts.js';
import { type CountedSpan, compare, type Have } from './compare.js';
import { type HourlyLedger, type HourRow, isCountable, rowOf, servicesIn, withRows } from './hourly-ledger.js';
import { type CountLedger, expectedCount, spansOfHour } from './minute-counts.js';
import { type Counter, CountRefused } from './source-count.js';

/** What a comparison of whole hours, service by service, needs of the pass that it follows. */
export interface HourParts {
  readonly counter: Counter;
  /** What was read and settled, over all services: as the pass has left it. */
  readonly ledger: () => CountLedger;
  /** What was delivered, by the last commit. */
  readonly hourly: () => HourlyLedger;
  /** Whole second from which the lane owns a service's records. */
  readonly ownedFrom: (service: string) => number;
  /** Reads an hour again and delivers what is missing. False where the sink cannot find delivered records. */
  readonly readHour: (hour: number) => Promise<boolean>;
  /** True once the comparison has used up its time. */
  readonly isOver: () => boolean;
  /** Whether hours are read again of which JumpCloud counted more than it showed: its count may have been ahead of its search. */
  readonly looksAgain: boolean;
}

/** A query for every service: nothing to ask a count of its own for. */
const ALL = 'all';

/**
 * The hours from a minute on that can be compared: whole ones behind the ledger's end that the ledger holds just so, and
 * that the hourly ledger has counted from their beginning.
 */
export function comparableHours(ledger: CountLedger, hourly: HourlyLedger, fromMinute: number): readonly number[] {
  const end = Math.floor((ledger.spans.at(-1)?.end ?? 0) / 60);
  const hours: number[] = [];
  for (let hour = end - 1; hour >= Math.max(hourly.whole, Math.floor(fromMinute / 60)); hour -= 1) {
    if (spansOfHour(ledger, hour) === undefined) break;
    hours.unshift(hour);
  }
  return hours;
}

/** Whether a count must be asked for: for an hour that is new, or a row that has changed or does not agree. */
export function needComparing(
  hours: readonly number[],
  hourly: HourlyLedger,
  ledger: CountLedger,
  ownedFrom: (service: string) => number,
): boolean {
  const last = hours.at(-1);
  if (last === undefined) return false;
  if (hourly.compared === undefined || last > hourly.compared) return true;
  return hours.some((hour) =>
    [...(hourly.hours.get(hour) ?? [])].some(
      ([service, row]) =>
        isAsked(service, ledger) &&
        hour * SECONDS_PER_HOUR >= ownedFrom(service) &&
        (row.count === undefined || differenceOf(row) !== 0),
    ),
  );
}

/**
 * Compares adjoining whole hours with JumpCloud's count of each service. One count a service covers them all; where it
 * is not what was delivered and explained, it is halved down to the hours. An hour that does not agree is read again, and
 * what then remains is explained. What the pass has settled over all services explains nothing here: there, a record that
 * is missing and one that was shown twice make no difference together.
 * @returns the hourly ledger with JumpCloud's counts
 * @throws CollectorError for a count or a search that fails
 */
export async function compareHours(hours: readonly number[], parts: HourParts): Promise<HourlyLedger> {
  return new Comparison(hours, parts).run();
}

function isAsked(service: string, { services }: CountLedger): boolean {
  return isCountable(service) && (services.includes(ALL) || services.includes(service));
}

function differenceOf({ count, explained, ...row }: HourRow): number {
  return typeof count === 'number' ? count - accountedRecords(row) - explained : 0;
}

/** What is known of one service in one hour by now; null: it cannot be known. */
type Found = { readonly count: number; readonly explained: number } | null;

class Comparison {
  readonly #found = new Map<number, Map<string, Found>>();

  constructor(
    private readonly hours: readonly number[],
    private readonly parts: HourParts,
  ) {}

  async run(): Promise<HourlyLedger> {
    const { hours, parts } = this;
    const isDone = (await this.#countServices()) && (await this.#settleHours());
    const rows = hours.flatMap((hour) =>
      [...(this.#found.get(hour) ?? [])].map(([service, found]) => {
        const row = rowOf(parts.hourly(), hour, service);
        return { hour, service, row: found === null ? { ...row, explained: 0, count: null } : { ...row, ...found } };
      }),
    );
    const isOfUse = ({ row }: { row: HourRow }) => accountedRecords(row) > 0 || row.count !== 0;
    const hourly = withRows(parts.hourly(), rows.filter(isOfUse));
    return isDone ? { ...hourly, compared: Math.max(hours.at(-1)!, hourly.compared ?? 0) } : hourly;
  }

  /** Counts the services of which something was delivered; the others only where these do not make up the whole. */
  async #countServices(): Promise<boolean> {
    const ledger = this.parts.ledger();
    const shown = servicesIn(this.parts.hourly(), this.hours).filter((service) => isAsked(service, ledger));
    for (const service of shown) if (!(await this.#countService(service))) return false;
    const counted = this.#counted();
    if (counted === undefined || counted === this.#expected()) return true;
    const silent = ledger.services.filter((service) => service !== ALL && !shown.includes(service));
    for (const service of silent) if (!(await this.#countService(service))) return false;
    return true;
  }

  /** False: out of time. */
  async #countService(service: string): Promise<boolean> {
    const owned = this.hours.filter((hour) => hour * SECONDS_PER_HOUR >= this.parts.ownedFrom(service));
    if (owned.length === 0) return true;
    try {
      return await this.#countHours(service, owned);
    } catch (error) {
      // A name that only a record bears need not be one that JumpCloud takes.
      if (!(error instanceof CountRefused)) throw error;
      for (const hour of owned) this.#find(hour, service, null);
      return true;
    }
  }

  async #countHours(service: string, hours: readonly number[]): Promise<boolean> {
    const { counter, hourly, isOver } = this.parts;
    const have: Have = (name, { start }) => {
      const row = rowOf(hourly(), start / SECONDS_PER_HOUR, name);
      return accountedRecords(row) + row.explained;
    };
    const counts = await compare(service, hours.map(spanOf), have, counter, isOver);
    for (const [index, count] of counts.entries()) {
      const { explained } = rowOf(hourly(), hours[index]!, service);
      this.#find(hours[index]!, service, { count, explained });
    }
    return counts.length === hours.length;
  }

  #count(service: string, hour: number, expected: number): Promise<number> {
    const { start, end } = spanOf(hour);
    return this.parts.counter.count([service], start, end, expected);
  }

  async #settleHours(): Promise<boolean> {
    for (const hour of this.hours) if (!(await this.#settle(hour))) return false;
    return true;
  }

  /** False: out of time; what does not agree is then left as a difference. */
  async #settle(hour: number): Promise<boolean> {
    const before = this.#differing(hour);
    const inDoubt = this.parts.looksAgain ? this.#countedMore(hour) : [];
    const isInDoubt = inDoubt.length > 0 || (this.parts.looksAgain && this.#isExplainedInAll(hour));
    if (before.length === 0 && (!isInDoubt || this.parts.isOver())) return true;
    if (this.parts.isOver()) return false;
    if (!(await this.parts.readHour(hour))) {
      for (const service of before) this.#find(hour, service, null);
      return true;
    }
    const after = new Set([...before, ...inDoubt, ...this.#differing(hour), ...this.#uncounted(hour)]);
    for (const service of after) {
      const count = await this.#count(service, hour, accountedRecords(rowOf(this.parts.hourly(), hour, service)));
      this.#find(hour, service, { count, explained: 0 });
    }
    this.#explain(hour, [...after]);
    return true;
  }

  /** Services whose count is not what was delivered and explained. */
  #differing(hour: number): string[] {
    return [...(this.#found.get(hour) ?? [])].flatMap(([service, found]) => {
      if (found === null) return [];
      const row = rowOf(this.parts.hourly(), hour, service);
      return differenceOf({ ...row, ...found }) === 0 ? [] : [service];
    });
  }

  /** Services of which JumpCloud counted more than reading the hour again has shown. */
  #countedMore(hour: number): string[] {
    return [...(this.#found.get(hour) ?? [])].flatMap(([service, found]) =>
      found !== null && found.explained > 0 ? [service] : [],
    );
  }

  /** Whether JumpCloud counted more over all services than was shown: of one without a count of its own nothing else tells. */
  #isExplainedInAll(hour: number): boolean {
    return (spansOfHour(this.parts.ledger(), hour) ?? []).some(({ explained }) => explained > 0);
  }

  /** Services of which something has been delivered though they were not counted here. */
  #uncounted(hour: number): string[] {
    const counted = this.#found.get(hour);
    return servicesIn(this.parts.hourly(), [hour]).filter(
      (service) =>
        isAsked(service, this.parts.ledger()) &&
        !counted?.has(service) &&
        hour * SECONDS_PER_HOUR >= this.parts.ownedFrom(service),
    );
  }

  #explain(hour: number, services: readonly string[]): void {
    for (const service of services) {
      const found = this.#found.get(hour)?.get(service);
      if (!found) continue;
      const explained = found.count - accountedRecords(rowOf(this.parts.hourly(), hour, service));
      this.#find(hour, service, { ...found, explained });
    }
  }

  #find(hour: number, service: string, found: Found): void {
    this.#found.set(hour, (this.#found.get(hour) ?? new Map<string, Found>()).set(service, found));
  }

  /** All that was counted; undefined where a service could not be. */
  #counted(): number | undefined {
    const found = [...this.#found.values()].flatMap((services) => [...services.values()]);
    return found.some((one) => one === null) ? undefined : sum(found.map((one) => one!.count));
  }

  /** What JumpCloud counts over all services, as the pass has it; undefined where that is not known. */
  #expected(): number | undefined {
    return sumOrUnknown(this.hours.map((hour) => expectedCount(spansOfHour(this.parts.ledger(), hour) ?? [])));
  }
}

function spanOf(hour: number): CountedSpan {
  return { start: hour * SECONDS_PER_HOUR, end: (hour + 1) * SECONDS_PER_HOUR };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function sumOrUnknown(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.some((one) => one === undefined) ? undefined : sum(numbers as number[]);
}
