import type { Page, Search, Source } from '../jumpcloud/insights/source.js';
import { PER_PAGE_BYTE } from '../pipeline/batch-room.js';
import type { MemoryBudget } from '../pipeline/memory-budget.js';

/** How much is read before it is needed. */
export interface PrefetchLimits {
  /** Searches under way at the same time. */
  readonly searches: number;
  /** Bytes of pages that wait; each search may hold one page beyond them. */
  readonly bytes: number;
}

/** Of the memory budget, in bytes of pages: parsed, they take several times as much. */
const MOST_AHEAD = 1 / 64;

/** One search of several, under way: its pages come in order, whenever they arrived. */
export interface PrefetchedSearch {
  readonly search: Search;
  pages(): AsyncGenerator<Page, void, void>;
}

/**
 * Runs searches side by side and hands them over in their order. While one is consumed the next are read, where the
 * process has plenty of memory, until the pages that wait reach the limit. A search's failure is thrown where its pages
 * are consumed. Ending the loop early ends all searches.
 */
export async function* prefetchSearches(
  source: Pick<Source, 'pages'>,
  searches: AsyncIterable<Search>,
  limits: PrefetchLimits,
  memory: MemoryBudget,
  signal: AbortSignal,
): AsyncGenerator<PrefetchedSearch, void, void> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const reservation = memory.readAhead();
  const changed = new Change(() => reservation.set(held.bytes * PER_PAGE_BYTE));
  const held: Held = { bytes: 0, limit: Math.min(limits.bytes, memory.limit * MOST_AHEAD), changed };
  const started: Running[] = [];
  const rest = searches[Symbol.asyncIterator]();
  let isLast = false;
  let filling: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  const mayStart = () => started.length === 0 || (started.length < limits.searches && memory.hasPlenty);
  const fill = async () => {
    while (!isLast && failure === undefined && !either.aborted && mayStart()) {
      try {
        const next = await rest.next();
        if (next.done) isLast = true;
        else started.push(new Running(next.value, source, held, either));
      } catch (error) {
        // Met when it is the next search's turn: asked once more, an iterator that has failed says that it is done.
        failure = { error };
      }
    }
  };
  const refill = () => {
    filling ??= fill().finally(() => {
      filling = undefined;
    });
    return filling;
  };
  try {
    for (;;) {
      if (started.length === 0) await refill();
      const head = started[0];
      if (head === undefined && failure !== undefined) throw failure.error;
      if (head === undefined) return;
      void refill();
      yield head;
      started.shift();
    }
  } finally {
    ended.abort();
    held.changed.notify();
    await filling;
    await Promise.all(started.map((running) => running.finished));
    await rest.return?.();
    reservation.release();
  }
}

interface Held {
  bytes: number;
  readonly limit: number;
  readonly changed: Change;
}

/** A search whose pages are taken in as they come. */
class Running implements PrefetchedSearch {
  readonly finished: Promise<void>;
  readonly #pages: Page[] = [];
  #failure: { readonly error: unknown } | undefined;
  #done = false;

  constructor(
    readonly search: Search,
    source: Pick<Source, 'pages'>,
    private readonly held: Held,
    signal: AbortSignal,
  ) {
    this.finished = this.#take(source.pages(search, signal), signal);
  }

  async *pages(): AsyncGenerator<Page, void, void> {
    for (;;) {
      const page = this.#pages.shift();
      if (page) {
        this.held.bytes -= page.bytes;
        this.held.changed.notify();
        yield page;
      } else if (this.#failure) {
        throw this.#failure.error;
      } else if (this.#done) {
        return;
      } else {
        await this.held.changed.next();
      }
    }
  }

  async #take(pages: AsyncGenerator<Page, void, void>, signal: AbortSignal): Promise<void> {
    try {
      for await (const page of pages) {
        this.#pages.push(page);
        this.held.bytes += page.bytes;
        this.held.changed.notify();
        // With nothing waiting a search always goes on: the one that is consumed can never stand still for the others.
        while (!signal.aborted && this.#pages.length > 0 && this.held.bytes >= this.held.limit) {
          await this.held.changed.next();
        }
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#done = true;
      this.held.changed.notify();
    }
  }
}

/** Wakes everyone who waits for the next change. */
class Change {
  #waiting: (() => void)[] = [];

  /** @param before called at each change, before anyone wakes */
  constructor(private readonly before: () => void) {}

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  notify(): void {
    this.before();
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }
}
