import type { Page } from '../jumpcloud/insights/source.js';
import type { MemoryBudget, Reservation } from './memory-budget.js';

/** Bytes in memory for one of a page: its parsed records take three, the events made of it more than two. */
export const PER_PAGE_BYTE = 5;
/** Parts of the budget: a page before the first has come (a thousand records, of the usual budget), */
const USUAL_PAGE = 1 / 64;
/** and a batch's events, which are fewer the more lanes catch up. */
const LEAST_BATCH = 1 / 16;
const LARGEST_BATCH = 1 / 8;
/** A poll may bring somewhat more than the one before. */
const GROWTH = 1.25;
const LEAST_POLL = 64 * 1024;

/** What a lane's last searches took. */
export interface SearchSize {
  /** Bytes of a page that others followed. */
  page?: number;
  /** Bytes in memory of the first batch of an open search. */
  poll?: number;
}

/**
 * The room in memory of one search's batches: of the one that pages go into, and of the one after it, whose first page is
 * fetched meanwhile.
 */
export class BatchRoom {
  /** As granted, and what was reserved. */
  #open: { readonly granted: number; readonly reservation: Reservation } | undefined;
  #next: Reservation | undefined;
  #isFurther = false;
  #closed = 0;
  #hasLeft = false;

  /** @param last of the lane; kept up to date */
  constructor(
    private readonly budget: MemoryBudget,
    private readonly last: SearchSize,
    /** Whether the search is open towards the future: the poll of a lane that is not behind, as a rule. */
    private readonly isPoll: boolean,
    private readonly signal: AbortSignal,
  ) {}

  /** Waits for the room of another batch. @throws CollectorError ABORTED */
  async open(): Promise<void> {
    const { budget, last, isPoll } = this;
    const pages = 2 * PER_PAGE_BYTE * (last.page ?? budget.limit * USUAL_PAGE);
    const events = Math.max(budget.bulkShare - pages, budget.limit * LEAST_BATCH);
    const batch = Math.min(events, budget.limit * LARGEST_BATCH) + pages;
    // A poll that brings more goes on as one that catches up.
    const isUsual = isPoll && !this.#isFurther;
    this.#isFurther = true;
    const poll = last.poll === undefined ? batch : GROWTH * last.poll + LEAST_POLL;
    const reservation = await budget.reserve(
      isUsual ? Math.min(poll, batch) : batch,
      isUsual ? 'live' : 'bulk',
      this.signal,
    );
    if (this.#hasLeft) reservation.release();
    this.#next = reservation;
  }

  /**
   * Takes a page into the open batch.
   * @param events bytes of those that the batch holds already
   * @returns whether one more page of its size has room
   */
  take(page: Page, events: number): boolean {
    if (this.#open === undefined && this.#next !== undefined) {
      this.#open = { granted: this.#next.bytes, reservation: this.#next };
      this.#next = undefined;
    }
    const taken = PER_PAGE_BYTE * page.bytes;
    const inMemory = events + taken;
    if (this.#closed === 0 && this.isPoll) this.last.poll = inMemory;
    if (!page.last) this.last.page = page.bytes;
    if (this.#open === undefined) return false;
    const { granted, reservation } = this.#open;
    reservation.set(Math.max(granted, inMemory));
    return inMemory + taken <= granted;
  }

  /**
   * The open batch goes to its commit.
   * @param events their bytes
   * @returns releases its room
   */
  close(events: number): () => void {
    this.#closed += 1;
    const reservation = this.#open?.reservation;
    this.#open = undefined;
    reservation?.set(events);
    return () => reservation?.release();
  }

  /** Releases what no commit releases. */
  leave(): void {
    this.#hasLeft = true;
    this.#open?.reservation.release();
    this.#next?.release();
  }
}
