import { noticeUid } from '../../mappings/alerts/finding.js';
import { readListedNotice } from '../../mappings/alerts/notice.js';
import { isObject, type JsonObject } from '../../mappings/json.js';
import { RecordReader } from '../../mappings/record-reader.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { asCollectorError } from '../errors.js';
import { momentOf, readAlerts, readOccurrences } from '../jumpcloud/directory/alerts.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { hashOf } from '../position/dedupe-set.js';

/** What is asked of the list of alerts. */
export interface ListQuestion {
  /** Epoch milliseconds: what happened before was read. */
  readonly since: number;
  readonly organization: string;
  /** Whether the notice of this name was delivered. */
  readonly isKnown: (hash: bigint) => boolean;
}

/** A notice as a row of the list. */
export interface ListedNotice {
  readonly value: JsonObject;
  /** Epoch milliseconds at which it happened. */
  readonly at: number;
}

/** Reads what the list of alerts shows since a moment. @throws CollectorError */
export type AlertList = (question: ListQuestion, signal: AbortSignal) => Promise<readonly ListedNotice[]>;

/** An alert whose status changes is looked for among those that occurred in so many days before. */
const STATUS_DAYS_MS = 7 * 86_400_000;
/** Occurrences of one alert that are delivered one by one; of more, only the last. */
const MOST_OCCURRENCES = 1_000;

/**
 * The notices behind the list of alerts. The list shows each alert as it is now: how often it occurred, and its status.
 * What happened in between follows from its occurrences, under the same names as by a webhook.
 */
export function listAlerts(ask: AskDirectory): AlertList {
  return async ({ since, organization, isKnown }, signal) => {
    const found: ListedNotice[] = [];
    const isNew = (alertId: string, status: string, occurrence: number) =>
      !isKnown(hashOf(noticeUid(organization, { alertId, status, occurrence })));
    for (const row of await readAlerts(ask, since - STATUS_DAYS_MS, signal)) {
      const notice = readListedNotice(new RecordReader(row, ocsfTarget));
      if (notice === undefined) {
        // Said once: it is kept as an unknown shape.
        found.push({ value: row, at: since });
        continue;
      }
      const { alertId, status, occurrence = 1, occurredAt, updatedAt } = notice;
      const lastAt = Date.parse(occurredAt ?? '');
      const changedAt = Date.parse(updatedAt ?? '');
      if (lastAt >= since && isMissing(occurrence, (number) => isNew(alertId, 'OPEN', number)))
        found.push(...(await occurrencesOf(ask, row, alertId, occurrence, since, signal)));
      // Where the time of the change is unknown, the open alert must have been delivered: else it may be an old one.
      const isRecent = changedAt >= since || lastAt >= since || !isNew(alertId, 'OPEN', occurrence);
      if (status !== 'OPEN' && isRecent && isNew(alertId, status, occurrence))
        found.push({ value: row, at: Number.isNaN(changedAt) ? since : changedAt });
    }
    return found;
  };
}

function isMissing(occurrences: number, isNew: (occurrence: number) => boolean): boolean {
  if (occurrences > MOST_OCCURRENCES) return isNew(occurrences);
  for (let number = occurrences; number >= 1; number -= 1) if (isNew(number)) return true;
  return false;
}

/** The alert as it was at each of its occurrences since a moment. */
async function occurrencesOf(
  ask: AskDirectory,
  row: JsonObject,
  alertId: string,
  count: number,
  since: number,
  signal: AbortSignal,
): Promise<ListedNotice[]> {
  const open = { ...row, status: 'ALERT_STATUS_OPEN' };
  const last = { value: { ...open, occurrencesCount: count }, at: momentOf(row.lastOccurredAt) };
  if (count > MOST_OCCURRENCES) return [last];
  let occurrences: JsonObject[];
  try {
    occurrences = await readOccurrences(ask, alertId, signal);
  } catch (error) {
    const { code } = asCollectorError(error);
    if (code !== 'ROLE_REFUSED' && code !== 'QUERY_REFUSED') throw error;
    return [last];
  }
  const timed = occurrences
    .map((one) => ({ one, at: momentOf(one.occurredAt ?? one.createdAt) }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => a.at - b.at);
  // Numbered from the last one, which is the alert's count.
  const first = count - timed.length + 1;
  return timed
    .map(({ one, at }, index) => {
      const record = isObject(one.diEvent) ? one.diEvent : isObject(one.di_event) ? one.di_event : undefined;
      const value: JsonObject = {
        ...open,
        occurrencesCount: first + index,
        lastOccurredAt: new Date(at).toISOString(),
        ...(record === undefined ? {} : { diEvent: record }),
      };
      return { value, at };
    })
    .filter(({ at, value }) => at >= since && Number(value.occurrencesCount) >= 1);
}
