import { type ReceivedRecord, type RecordHeader, readHeader } from '../mappings/record.js';

/** Tells the records of one search apart: those of the same text without an id by their number in the search. */
export class Identities {
  readonly #occurrences = new Map<string, number>();

  headerOf(received: ReceivedRecord): RecordHeader {
    const header = readHeader(received);
    if (header.id !== undefined) return header;
    const occurrence = this.#occurrences.get(header.uid) ?? 0;
    this.#occurrences.set(header.uid, occurrence + 1);
    return occurrence === 0 ? header : readHeader(received, occurrence);
  }

  /** The search begins again and shows everything again. */
  startAnew(): void {
    this.#occurrences.clear();
  }
}
