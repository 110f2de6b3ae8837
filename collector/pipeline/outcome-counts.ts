import { askedAs } from '../../mappings/catalogue/index-by-type.js';
import { SECONDS_PER_HOUR } from '../../mappings/time-units.js';

/** Records of one service in one hour, by what became of them. */
export interface OutcomeCounts {
  /** Delivered as events. */
  readonly delivered: number;
  readonly deadLetters: number;
  /** Of a class that the feed does not deliver: kept raw. */
  readonly raw: number;
  /** Of a family that the feed does not collect. */
  readonly notSelected: number;
}

/**
 * What became of one record. `notSelectedAgain`: not selected and possibly counted before, since unselected records are
 * neither deduplicated nor delivered.
 */
export type RecordOutcome = keyof OutcomeCounts | 'notSelectedAgain';

/** The new records of one batch, of one service in one hour of their own time. */
export interface HourOutcomes extends Readonly<Record<RecordOutcome, number>> {
  /** As `countedService` names it. */
  readonly service: string;
  /** Hours since the epoch. */
  readonly hour: number;
}

/** What a search has shown: minutes since the epoch → elements of that minute, repeats included. */
export type MinuteCounts = ReadonlyMap<number, number>;

/** In place of a service, for records that name none. */
export const UNNAMED = '(none)';

/** The name under which a record's service is counted: the one that it is asked for by. */
export function countedService(service: string): string {
  return service === '' ? UNNAMED : askedAs(service);
}

/** Records that these counts account for: delivered in any form, or not selected. */
export function accountedRecords({ delivered, deadLetters, raw, notSelected }: OutcomeCounts): number {
  return delivered + deadLetters + raw + notSelected;
}

/** Counts the records of one batch by service and hour. */
export class OutcomeCounter {
  #rows = new Map<string, { service: string; hour: number } & Record<RecordOutcome, number>>();

  /** @param second whole second since the epoch of the record's own time */
  add(service: string, second: number, outcome: RecordOutcome): void {
    const hour = Math.floor(second / SECONDS_PER_HOUR);
    const name = countedService(service);
    const key = `${hour} ${name}`;
    const row = this.#rows.get(key) ?? { service: name, hour, ...NONE };
    row[outcome] += 1;
    this.#rows.set(key, row);
  }

  /** Hands over the counts and starts from zero. */
  take(): readonly HourOutcomes[] {
    const rows = [...this.#rows.values()];
    this.#rows = new Map();
    return rows;
  }
}

const NONE: Readonly<Record<RecordOutcome, number>> = {
  delivered: 0,
  deadLetters: 0,
  raw: 0,
  notSelected: 0,
  notSelectedAgain: 0,
};
