import type { ReceivedRecord } from '../../../mappings/record.js';

/** What one search asks for. Whole seconds since the epoch; `end` undefined leaves the search open towards the future. */
export interface Search {
  readonly services: readonly string[];
  /** Inclusive. */
  readonly start: number;
  /** JumpCloud does not say whether it is inclusive: ask for the second and drop what lies beyond. */
  readonly end?: number;
}

/**
 * One answer of a search, in the order JumpCloud sent it (ascending by timestamp, in milliseconds). What a search passes
 * through changes this one object and reads nothing of it once it is handed on: a generator that waits holds the last value
 * that it gave, and copies would hold its records.
 */
export interface Page {
  /** May be emptied by whoever has read them: they take several times the page's bytes. */
  records: readonly ReceivedRecord[];
  /** 1 for the first page of a search. */
  number: number;
  last: boolean;
  /** True where pages to come may hold earlier records: how far the search was read shows only at its end. */
  isPartial?: boolean;
  /** Epoch milliseconds of JumpCloud's clock, as its answers so far give it; the local clock where they do not. */
  readonly serverTime: number;
  /** Epoch milliseconds of the local clock at which the page arrived. */
  readonly fetchedAt: number;
  readonly requestId: string | undefined;
  readonly bytes: number;
}

/** JumpCloud's event API, as the feed sees it. Errors are CollectorErrors; an error is never an empty page. */
export interface Source {
  /** Pages of a search. Ends after the short page; throws when a page cannot be had after the retries. */
  pages(search: Search, signal?: AbortSignal): AsyncGenerator<Page, void, void>;
  /** JumpCloud's own count for a search. */
  count(search: Search, signal?: AbortSignal): Promise<number>;
}
