import { type ReceivedRecord, type RecordHeader, readHeader } from '../../mappings/record.js';

/**
 * Tells the records of one search apart. Records of the same text without an id are told apart by their number in the
 * search where they tell a time (equal texts then lie on one instant and come together), else by the record before them:
 * a number in the search would change as its window moves on.
 */
export class Identities {
  readonly #occurrences = new Map<string, number>();
  /** The last record that tells its time, and how many without one have followed it. */
  #before: { readonly uid: string; followers: number } | undefined;

  headerOf(received: ReceivedRecord): RecordHeader {
    const header = readHeader(received);
    if (header.instant !== undefined) {
      const own = header.id === undefined ? this.#numbered(received, header) : header;
      this.#before = { uid: own.uid, followers: 0 };
      return own;
    }
    if (header.id !== undefined) return header;
    if (this.#before === undefined) return this.#numbered(received, header);
    this.#before.followers += 1;
    return readHeader(received, placeBeside(this.#before.uid, this.#before.followers));
  }

  /** The search begins again and shows everything again. */
  startAnew(): void {
    this.#occurrences.clear();
    this.#before = undefined;
  }

  #numbered(received: ReceivedRecord, header: RecordHeader): RecordHeader {
    const occurrence = this.#occurrences.get(header.uid) ?? 0;
    this.#occurrences.set(header.uid, occurrence + 1);
    return occurrence === 0 ? header : readHeader(received, occurrence);
  }
}

/**
 * For each record of a page that tells neither id nor time: what it would be called by the record after it. A search that
 * begins just there does not show the one before.
 */
export function calledFromBehind(
  records: readonly ReceivedRecord[],
  headers: readonly RecordHeader[],
): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  let after: { readonly uid: string; leaders: number } | undefined;
  for (let index = headers.length - 1; index >= 0; index -= 1) {
    const header = headers[index]!;
    if (header.instant !== undefined) after = { uid: header.uid, leaders: 0 };
    else if (header.id === undefined && after !== undefined) {
      after.leaders += 1;
      names.set(index, readHeader(records[index]!, -placeBeside(after.uid, after.leaders)).uid);
    }
  }
  return names;
}

/** A whole number that stands for "the n-th beside this record"; far above any number of equal texts in a search. */
function placeBeside(uid: string, number: number): number {
  return Number.parseInt(uid.slice(0, 10), 16) * 4096 + (number % 4096) + 2 ** 51;
}
