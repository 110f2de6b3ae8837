import { formatSecond } from '../../mappings/instant.js';
import { SECONDS_PER_HOUR } from '../../mappings/time-units.js';
import { accountedRecords } from '../pipeline/outcome-counts.js';
import type { Cursor } from '../position/cursor.js';
import { ledgerOf } from './hourly-ledger.js';

/** JumpCloud's count of one service's records in one hour against what was delivered. */
export interface ReconciledHour {
  /** The query's `service` value; `(none)` for records that name none. */
  readonly service: string;
  /** RFC 3339: the hour's start. */
  readonly hour: string;
  /** JumpCloud's own count; null where it is not known (any more): it gives none, or the hour was not collected as a whole. */
  readonly jumpcloud: number | null;
  /** Delivered as events, as dead letters, kept raw; and of event types that the feed does not collect. */
  readonly delivered: number;
  readonly deadLetters: number;
  readonly raw: number;
  readonly notSelected: number;
  /** What JumpCloud counts beyond these although reading the hour again brought nothing new; negative where its count lags. */
  readonly explained: number;
  /** What JumpCloud counts and the feed has neither delivered nor explained; null where it cannot be known. */
  readonly difference: number | null;
}

/** What the last comparisons of a live lane have shown, as it is stored with the position. */
export interface ReconciledHours {
  /** Second since the epoch: start of the last hour that was compared; undefined before the first. */
  readonly compared: number | undefined;
  /** Whole hours behind the position, up to three days of them, oldest first, then by service. */
  readonly hours: readonly ReconciledHour[];
}

/** The figures that are stored with a live lane's position: all that a restart knows at once. */
export function reconciledHours(cursor: Cursor): ReconciledHours {
  const hourly = ledgerOf(cursor);
  const end = Math.floor(cursor.position.watermark / SECONDS_PER_HOUR);
  const hours: ReconciledHour[] = [];
  for (const [hour, rows] of hourly.hours) {
    if (hour >= end) continue;
    const names = [...rows.keys()].sort();
    for (const service of names) {
      const { count, explained, ...counts } = rows.get(service)!;
      const isKnown = typeof count === 'number';
      hours.push({
        service,
        hour: formatSecond(hour * SECONDS_PER_HOUR),
        jumpcloud: isKnown ? count : null,
        ...counts,
        explained,
        difference: isKnown ? count - accountedRecords(counts) - explained : null,
      });
    }
  }
  return { compared: hourly.compared === undefined ? undefined : hourly.compared * SECONDS_PER_HOUR, hours };
}
