import { isObject, type JsonObject, type JsonValue } from '../../../mappings/json.js';
import { damaged } from '../http/json-body.js';
import type { AskDirectory } from './ask.js';

/** JumpCloud's largest page of a list. */
const LIMIT = 100;
/** Beyond these a list is not read: it might not end. */
const MOST_PAGES = 500;

/**
 * A list of alerts, occurrences, rules or channels, page by page: `{NAME: […], count}`.
 * @param name the member that holds the rows
 * @param until true ends the reading after a page
 * @throws CollectorError as `AskDirectory`; RESPONSE_INVALID for another form, and for a list that does not end
 */
async function readRows(
  ask: AskDirectory,
  path: string,
  name: string,
  query: Readonly<Record<string, string>>,
  until: (rows: readonly JsonObject[]) => boolean,
  signal?: AbortSignal,
): Promise<JsonObject[]> {
  const all: JsonObject[] = [];
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const parameters = new URLSearchParams({ ...query, limit: String(LIMIT), skip: String(page * LIMIT) });
    const { value } = await ask(`${path}?${parameters}`, {}, signal);
    const rows = rowsOf(value, name);
    all.push(...rows);
    const count = isObject(value) && typeof value.count === 'number' ? value.count : undefined;
    // A short page does not end a list that has a count.
    const isLast = count === undefined ? rows.length === 0 : (page + 1) * LIMIT >= count;
    if (isLast || until(rows)) return all;
  }
  throw damaged(`it goes on after ${all.length} ${name}`);
}

function rowsOf(value: JsonValue, name: string): JsonObject[] {
  const rows = isObject(value) ? value[name] : value;
  if (!Array.isArray(rows)) throw damaged(`it holds no ${name}`);
  return rows.filter(isObject);
}

/**
 * Alerts, those that occurred last first, as far back as a moment. A list that does not come in that order is read whole.
 * @param since epoch milliseconds
 */
export function readAlerts(ask: AskDirectory, since: number, signal?: AbortSignal): Promise<JsonObject[]> {
  let before = Number.POSITIVE_INFINITY;
  let ordered = true;
  const isPast = (rows: readonly JsonObject[]): boolean => {
    for (const { lastOccurredAt } of rows) {
      const at = momentOf(lastOccurredAt);
      if (!(at <= before)) ordered = false;
      before = at;
    }
    return ordered && before < since;
  };
  return readRows(ask, '/api/v2/alerts', 'alerts', { sort: '-lastOccurredAt' }, isPast, signal);
}

/** Epoch milliseconds; NaN for what is no date. Of an object `String` may throw: JSON can name its toString. */
export function momentOf(value: JsonValue | undefined): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

/** The occurrences of an alert, in no promised order. */
export function readOccurrences(ask: AskDirectory, alertId: string, signal?: AbortSignal): Promise<JsonObject[]> {
  const path = `/api/v2/alerts/${encodeURIComponent(alertId.toWellFormed())}/occurrences`;
  return readRows(ask, path, 'alertOccurrences', {}, () => false, signal);
}

/** The Insights Rules, with the channels that they notify. */
export function readRules(ask: AskDirectory, signal?: AbortSignal): Promise<JsonObject[]> {
  return readRows(ask, '/api/v2/healthmonitoring/rules', 'rules', {}, () => false, signal);
}

/** A webhook channel and what JumpCloud counts of it. */
export interface WebhookChannel {
  readonly id: string;
  readonly name: string;
  /** Parts of it may be masked. */
  readonly url: string;
  readonly lastStatus: number | undefined;
  /** As written. */
  readonly lastAt: string | undefined;
  readonly successPercentage: number | undefined;
  readonly totalRequests: number | undefined;
}

/** The webhook channels of the organization. */
export async function readChannels(ask: AskDirectory, signal?: AbortSignal): Promise<WebhookChannel[]> {
  const rows = await readRows(ask, '/api/v2/notifications/webhook/channels', 'channels', {}, () => false, signal);
  return rows.map((row) => {
    const config = isObject(row.config) && isObject(row.config.webhook) ? row.config.webhook : {};
    const number = (value: JsonValue | undefined) => (typeof value === 'number' ? value : undefined);
    const text = (value: JsonValue | undefined) => (typeof value === 'string' && value !== '' ? value : undefined);
    return {
      id: text(row.objectId) ?? text(row.id) ?? '',
      name: text(row.name) ?? '',
      url: text(row.url) ?? text(config.url) ?? '',
      lastStatus: number(row.lastResponseStatusCode),
      lastAt: text(row.lastResponseTimeStamp),
      successPercentage: number(row.successPercentage),
      totalRequests: number(row.totalRequests),
    };
  });
}
