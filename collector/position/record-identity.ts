import { type ReceivedRecord, type RecordHeader, readHeader } from '../../mappings/record.js';

/** A record and every name that it may have been delivered or remembered under. */
export interface RecordIdentity {
  /** Holds the primary name, `uid`: the one that it is delivered under. */
  readonly header: RecordHeader;
  /** Names to remember together with the uid: another search may derive one of them where it cannot derive the uid. */
  readonly remembered: readonly string[];
  /** All names but the uid, those of `remembered` included. Empty for a record that has an id or a time. */
  readonly aliases: readonly string[];
}

/** A record with a time, and by text how many without id and time have followed it: what names these. */
interface Anchor {
  readonly uid: string;
  readonly followers: Map<string, number>;
}

/** A late record may come to lie before one that has its name already: the anchors before that are looked up as well. */
const MOST_ANCHORS = 4;
const none: readonly string[] = [];

/**
 * Derives the names of the records of one search. Records of the same text without an id are told apart by their number in
 * the search where they have a time (equal texts then lie on one instant and come together), else by the record with a
 * time before them: a number in the search would change with its start.
 */
export class Identities {
  readonly #occurrences = new Map<string, number>();
  /** Newest first. */
  #anchors: readonly Anchor[] = [];
  /** Whether these reach back beyond the search's own first record. */
  #isFollowing = false;

  /** Whether a late record before the next one would leave it a name that it had. */
  get isAnchored(): boolean {
    return this.#anchors.length === MOST_ANCHORS;
  }

  /** Whether one of these records, the next ones of the search, has all of its names only once `follow` was called. */
  needsPreceding(records: readonly ReceivedRecord[]): boolean {
    if (this.#isFollowing) return false;
    let anchors = this.#anchors.length;
    for (const record of records) {
      if (anchors >= MOST_ANCHORS) return false;
      const { id, instant } = readHeader(record);
      if (instant !== undefined) anchors += 1;
      else if (id === undefined) return true;
    }
    return false;
  }

  /** @param preceding what another search has come to that ends before this search's first record */
  follow(preceding: Identities): void {
    this.#isFollowing = true;
    const copies = preceding.#anchors.map(({ uid, followers }) => ({ uid, followers: new Map(followers) }));
    this.#anchors = [...this.#anchors, ...copies].slice(0, MOST_ANCHORS);
    for (const [uid, occurrences] of preceding.#occurrences) this.#occurrences.set(uid, occurrences);
  }

  /** The identities of the next records of the search, in order. */
  next(records: readonly ReceivedRecord[]): RecordIdentity[] {
    const identities = records.map((received) => this.#identityOf(received));
    const behind = namedFromBehind(records, identities);
    return identities.map((identity, index) => {
      const name = behind.get(index);
      if (name === undefined) return identity;
      return { ...identity, remembered: [name], aliases: [name, ...identity.aliases] };
    });
  }

  /** The search begins again and shows everything again. */
  restart(): void {
    this.#occurrences.clear();
    this.#anchors = [];
    this.#isFollowing = false;
  }

  #identityOf(received: ReceivedRecord): RecordIdentity {
    const header = readHeader(received);
    if (header.instant !== undefined) {
      const own = header.id === undefined ? this.#numbered(received, header) : header;
      this.#anchors = [{ uid: own.uid, followers: new Map<string, number>() }, ...this.#anchors].slice(0, MOST_ANCHORS);
      return withoutAliases(own);
    }
    if (header.id !== undefined) return withoutAliases(header);
    const [own = this.#numbered(received, header), ...earlier] = this.#anchors.map(({ uid, followers }) =>
      readHeader(received, placeBeside(uid, nextOf(followers, header.uid))),
    );
    return { header: own, remembered: none, aliases: earlier.map(({ uid }) => uid) };
  }

  #numbered(received: ReceivedRecord, header: RecordHeader): RecordHeader {
    const occurrence = this.#occurrences.get(header.uid) ?? 0;
    this.#occurrences.set(header.uid, occurrence + 1);
    return occurrence === 0 ? header : readHeader(received, occurrence);
  }
}

/**
 * Which of these records were delivered before, under whatever name.
 * @param ask resolves to those of the names that are known
 * @returns their uids
 */
export async function deliveredAmong(
  identities: readonly RecordIdentity[],
  ask: (names: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<ReadonlySet<string>> {
  const found = await ask(identities.map(({ header }) => header.uid));
  // Asked for by themselves: a sink that searches until it has found everything would never end at a name that is not there.
  const rest = identities.filter(({ header, aliases }) => aliases.length > 0 && !found.has(header.uid));
  if (rest.length === 0) return found;
  const known = await ask(rest.flatMap(({ aliases }) => aliases));
  const byAlias = rest.filter(({ aliases }) => aliases.some((alias) => known.has(alias)));
  return new Set([...found, ...byAlias.map(({ header }) => header.uid)]);
}

/** For each of these records without id and time: its name by the record with a time after it. */
function namedFromBehind(
  records: readonly ReceivedRecord[],
  identities: readonly RecordIdentity[],
): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  let after: { readonly uid: string; readonly leaders: Map<string, number> } | undefined;
  for (let index = identities.length - 1; index >= 0; index -= 1) {
    const { header } = identities[index]!;
    if (header.instant !== undefined) after = { uid: header.uid, leaders: new Map() };
    else if (header.id === undefined && after !== undefined) {
      const number = nextOf(after.leaders, readHeader(records[index]!).uid);
      names.set(index, readHeader(records[index]!, `-${placeBeside(after.uid, number)}`).uid);
    }
  }
  return names;
}

/** Counts one more of a name. */
function nextOf(counts: Map<string, number>, name: string): number {
  const next = (counts.get(name) ?? 0) + 1;
  counts.set(name, next);
  return next;
}

function withoutAliases(header: RecordHeader): RecordIdentity {
  return { header, remembered: none, aliases: none };
}

/** Stands for "the n-th of its text beside this record"; unlike any number of equal texts in a search. */
function placeBeside(uid: string, number: number): string {
  const place = Number.parseInt(uid.slice(0, 10), 16) * 4096 + (number % 4096) + 2 ** 51;
  return number < 4096 ? String(place) : `${place}/${Math.floor(number / 4096)}`;
}
