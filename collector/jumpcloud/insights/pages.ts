import { floorToSecond, formatSecond } from '../../../mappings/instant.js';
import { type ReceivedRecord, recordInstant } from '../../../mappings/record.js';
import { CollectorError } from '../../errors.js';
import { decode } from '../http/json-body.js';
import type { ClientObserver } from '../http/observer.js';
import type { Answer, BodyReader } from '../http/send-request.js';
import { OversizedRecord } from './oversized-record.js';
import { ResumePoint } from './resume-point.js';
import { SearchProgress } from './search-progress.js';
import type { Page, Search } from './source.js';
import { splitArray } from './split-array.js';

/** Asks for one page with this body and reads the answer; repeats as need be. `beyond` reads what is larger than the cap. */
export type AskPage = <T>(
  body: string,
  read: (answer: Answer) => T,
  beyond: (() => BodyReader) | undefined,
  signal?: AbortSignal,
) => Promise<T>;

/**
 * The page size in use. Halves when a page is larger than the cap; doubles again, up to the configured size, after a
 * search whose pages stayed below a quarter of it, and at once where a single record was the reason.
 */
export interface PageSize {
  limit: number;
  readonly configured: number;
  readonly maxBytes: number;
}

interface Received {
  readonly page: Page;
  /** The raw X-Search_after; undefined where it is no usable cursor. */
  readonly cursor: string | undefined;
}

/**
 * The pages of one search (see Source.pages).
 *
 * When a page is larger than the cap the search goes on with half the limit from the second that it has come to; where that
 * cannot be told it starts again, and `number` is then 1 once more. At one record per page, one that is larger is read
 * past: its short members stand for it (`ReceivedRecord.whole`). Once its second is over the search goes on with the limit
 * that it had before.
 * @param serverNow JumpCloud's time in epoch milliseconds, as its answers give it
 * @throws CollectorError PAGE_WITHOUT_CURSOR or PAGE_CURSOR_REPEATED after the page concerned; RESPONSE_TOO_LARGE where
 * even an answer to a search for one record cannot be read past
 */
export async function* readPages(
  search: Search,
  ask: AskPage,
  size: PageSize,
  observer: ClientObserver,
  serverNow: () => number,
  signal?: AbortSignal,
): AsyncGenerator<Page, void, void> {
  let point = new ResumePoint(search.start);
  let number = 0;
  /** The limit before the first halving. */
  let usual: number | undefined;
  /** Started again, a search keeps to limits that only fall: else it would meet the same page again and again. */
  let isRestarted = false;
  for (;;) {
    // This search's own: another one may change what is in use.
    const limit = size.limit;
    const rest = { ...search, start: point.second };
    let passed: PassedRecord | undefined;
    let isPast = false;
    point.resume();
    try {
      for await (const page of readOnce(rest, limit, ask, size, serverNow, signal)) {
        // No loop here: a generator that waits holds the variables of its loops, and so this page.
        passed = page.records.reduce(passedOver, passed);
        page.records = point.take(page.records);
        number += 1;
        page.number = number;
        const { last } = page;
        yield page;
        if (last) return;
        isPast = !isRestarted && usual !== undefined && isBehind(passed, point.second) && canResume(point, search);
        if (isPast) break;
      }
    } catch (error) {
      if (!(error instanceof CollectorError) || error.code !== 'RESPONSE_TOO_LARGE' || limit === 1) throw error;
      const next = Math.ceil(limit / 2);
      observer.onPageTooLarge?.({ limit, next });
      usual ??= limit;
      size.limit = Math.min(size.limit, next);
      if (!canResume(point, search)) {
        point = new ResumePoint(search.start);
        number = 0;
        isRestarted = true;
      }
    }
    if (isPast && usual !== undefined) {
      size.limit = Math.max(size.limit, usual);
      usual = undefined;
    }
  }
}

/** Whole second of a record that was read past; `unknown` where it has none: then the next record with a time decides. */
type PassedRecord = number | 'unknown';

function passedOver(before: PassedRecord | undefined, record: ReceivedRecord): PassedRecord | undefined {
  const instant = recordInstant(record);
  if (record.whole !== undefined) return instant === undefined ? 'unknown' : floorToSecond(instant);
  return before === 'unknown' && instant !== undefined ? floorToSecond(instant) : before;
}

function isBehind(passed: PassedRecord | undefined, second: number): boolean {
  return typeof passed === 'number' && second > passed;
}

/** JumpCloud refuses a window whose end is not after its start. */
function canResume(point: ResumePoint, { end }: Search): boolean {
  return point.isUsable && (end === undefined || point.second < end);
}

/**
 * The pages of one body, unchanged but for `search_after`, which is the header's own text: parsed and printed again, a
 * number beyond 2^53 would not be the same.
 */
async function* readOnce(
  search: Search,
  limit: number,
  ask: AskPage,
  size: PageSize,
  serverNow: () => number,
  signal?: AbortSignal,
): AsyncGenerator<Page, void, void> {
  const query = queryOf(search, limit);
  const progress = new SearchProgress();
  let cursor: string | undefined;
  let largest = 0;
  for (let number = 1; ; number += 1) {
    const { page, cursor: next } = await ask(
      cursor === undefined ? query : `${query.slice(0, -1)},"search_after":${cursor}}`,
      (answer) => receive(answer, limit, serverNow()),
      limit === 1 ? () => new OversizedRecord() : undefined,
      signal,
    );
    // A record that was read past says nothing about the size of pages.
    if (page.records.every(({ whole }) => whole === undefined)) largest = Math.max(largest, page.bytes);
    // Changed before the page is handed over: who has the last one need not ask for another.
    const { last } = page;
    if (last && size.limit === limit && largest < size.maxBytes / 4) size.limit = Math.min(size.configured, limit * 2);
    const isStalled = !last && progress.isStalled(page.records);
    yield page;
    if (last) return;
    if (next === undefined) throw withoutCursor(number);
    if (progress.isSeen(next)) throw repeated(number, 'leads back to a page that was already read');
    if (isStalled) throw repeated(number, 'brings, like those before it, only records that were already read');
    cursor = next;
  }
}

/** The body of a search, also of its count. @throws CollectorError INTERNAL for a window that is empty or inverted */
export function queryOf(search: Search, limit?: number): string {
  if (search.services.length === 0 || (search.end !== undefined && search.end <= search.start)) {
    throw new CollectorError('INTERNAL', `a search over nothing was about to be sent (${JSON.stringify(search)})`, {
      cure: 'This is a defect: please report it with the log lines around it.',
    });
  }
  return JSON.stringify({
    service: search.services,
    start_time: formatSecond(search.start),
    ...(search.end === undefined ? {} : { end_time: formatSecond(search.end) }),
    ...(limit === undefined ? {} : { limit, sort: 'ASC' }),
  });
}

function receive(answer: Answer, limit: number, serverTime: number): Received {
  const { passed } = answer;
  const records = splitArray(decode(answer.body)).map((record) => (passed ? { ...record, whole: passed } : record));
  // The body counts: X-Result-Count may be wrong. X-Limit matters where JumpCloud allows less than was asked for.
  const full = records.length >= Math.min(limit, positive(answer.headers['x-limit']) ?? limit);
  return {
    page: {
      records,
      number: 1,
      last: !full,
      serverTime,
      fetchedAt: answer.arrivedAt,
      requestId: answer.requestId,
      bytes: passed?.bytes ?? answer.body.length,
    },
    cursor: usableCursor(answer.headers['x-search_after']),
  };
}

function positive(header: string | string[] | undefined): number | undefined {
  const number = typeof header === 'string' && /^\d+$/.test(header.trim()) ? Number(header) : 0;
  return number > 0 ? number : undefined;
}

/** The header where it is what `search_after` takes: a JSON array that is not empty. */
function usableCursor(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined;
  try {
    const parsed: unknown = JSON.parse(header);
    return Array.isArray(parsed) && parsed.length > 0 ? header.trim() : undefined;
  } catch {
    // Not JSON: no cursor. The caller turns that into an error of its own.
    return undefined;
  }
}

function withoutCursor(number: number): CollectorError {
  return new CollectorError('PAGE_WITHOUT_CURSOR', `page ${number} is full but names no page after it`, {
    cure: 'The search is asked again at the next poll; if it stays, look for a proxy that drops the header X-Search_after.',
    transient: true,
  });
}

function repeated(number: number, why: string): CollectorError {
  return new CollectorError('PAGE_CURSOR_REPEATED', `page ${number} ${why}`, {
    cure: 'The search is asked again at the next poll; if it stays, please report it to JumpCloud.',
    transient: true,
  });
}
