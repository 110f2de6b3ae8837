import { hash } from 'node:crypto';
import type { ReceivedRecord } from '../../../mappings/record.js';

/** Full pages in a row that bring nothing new, and their records, before a search counts as endless. */
const MOST_STALE_PAGES = 50;
const MOST_STALE_RECORDS = 10_000;
/** Records that are remembered: two of the largest pages. */
const MOST_RECORDS = 20_000;

/** Whether a search gets anywhere. Remembers cursors and recent records by 8 bytes each, so that an endless one does not fill memory. */
export class SearchProgress {
  readonly #cursors = new Set<bigint>();
  /** In the order in which they came. */
  readonly #recent = new Set<bigint>();
  #stalePages = 0;
  #staleRecords = 0;

  /** Whether the cursor came before in this search; remembers it. */
  isSeen(cursor: string): boolean {
    return !added(this.#cursors, shortHash(cursor));
  }

  /**
   * Whether this page is the last of so many, in a row, whose records all came shortly before; remembers them. Records of
   * one text may be as many in honest data: with pages of one, pages alone say little.
   */
  isStalled(records: readonly ReceivedRecord[]): boolean {
    let isNew = false;
    for (const { text } of records) if (added(this.#recent, shortHash(text))) isNew = true;
    for (const oldest of this.#recent) {
      if (this.#recent.size <= MOST_RECORDS) break;
      this.#recent.delete(oldest);
    }
    this.#stalePages = isNew ? 0 : this.#stalePages + 1;
    this.#staleRecords = isNew ? 0 : this.#staleRecords + records.length;
    return this.#stalePages >= MOST_STALE_PAGES && this.#staleRecords >= MOST_STALE_RECORDS;
  }
}

function added(set: Set<bigint>, value: bigint): boolean {
  const before = set.size;
  return set.add(value).size > before;
}

function shortHash(text: string): bigint {
  return hash('sha256', text, 'buffer').readBigUInt64LE();
}
