import { idKeyOf, type ReceivedRecord, type RecordHeader, sha256 } from '../../mappings/record.js';

/** Three for each record: at most 50,000 records, a few megabytes. */
const MOST_NAMES = 150_000;

/**
 * The records that a lane has read last, to tell what the dedupe set cannot: that a repeat has another text (a variant),
 * and that a new record bears an id that another one bore. In memory only and bounded, so both are found among the records
 * read since the lane was opened, at least the last 25,000 of them. No record is dropped or delivered by it.
 */
export class RecentRecords {
  /**
   * Of each record its uid, its id and its text. The older half is dropped at once: a Set finds its first member by a walk over all that
   * was deleted before it.
   */
  #names = new Set<number>();
  #older: ReadonlySet<number> = new Set();

  constructor(private readonly most = MOST_NAMES) {}

  /** Takes in a record that was read. @param isRepeat whether its identity was read before */
  note(received: ReceivedRecord, header: RecordHeader, isRepeat: boolean): 'variant' | 'reusedId' | undefined {
    const id = idKeyOf(header);
    // Without an id the text is the identity.
    if (id === undefined) return undefined;
    if (this.#names.size >= this.most / 2) {
      this.#older = this.#names;
      this.#names = new Set();
    }
    const isUidKnown = this.#add(header.uid);
    const isIdKnown = this.#add(id);
    const isTextKnown = this.#add(sha256(received.text));
    if (isRepeat) return isUidKnown && !isTextKnown ? 'variant' : undefined;
    return isIdKnown ? 'reusedId' : undefined;
  }

  /** @returns whether it was there */
  #add(digest: string): boolean {
    const name = Number.parseInt(digest.slice(0, 13), 16);
    const isKnown = this.#names.has(name) || this.#older.has(name);
    this.#names.add(name);
    return isKnown;
  }
}
