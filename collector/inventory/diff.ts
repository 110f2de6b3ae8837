import { decodeEntry, type Entry, edgeParts, encodeEntry } from './entry.js';
import type { SealedStage } from './manifest.js';
import type { SortedRecord } from './sorted-file.js';

/** What becomes of one object or edge. */
export interface Change {
  readonly key: Buffer;
  readonly kind: 'same' | 'upsert' | 'gone';
  /** As it was known; undefined where it is new. */
  readonly before: Entry | undefined;
  /** As it is known from now on; undefined where it is gone. */
  readonly after: Entry | undefined;
  /** An edge is gone because one of its ends is. */
  readonly endpointGone?: boolean;
}

/** How absence and presence are judged. */
export interface DiffRules {
  /** Whole second since the epoch of the reading. */
  readonly observedAt: number;
  /** Everything present is delivered, changed or not. */
  readonly full: boolean;
}

type Records = Iterator<SortedRecord, void, void>;

/** The two sides of a merge at one key. Buffers are valid until the next step. */
interface Pair {
  readonly key: Buffer;
  readonly known: Entry | undefined;
  readonly read: Entry | undefined;
}

function* merge(known: Records, read: Records): Generator<Pair, void, void> {
  let left = known.next();
  let right = read.next();
  while (!left.done || !right.done) {
    const order = left.done ? 1 : right.done ? -1 : Buffer.compare(left.value.key, right.value.key);
    const key = order <= 0 && !left.done ? left.value.key : (right.value as SortedRecord).key;
    yield {
      key,
      known: order <= 0 && !left.done ? decodeEntry(left.value) : undefined,
      read: order >= 0 && !right.done ? decodeEntry(right.value) : undefined,
    };
    if (order <= 0) left = known.next();
    if (order >= 0) right = read.next();
  }
}

/** The changes of objects: what was known against what was read. */
export function* diffObjects(
  known: Records,
  read: Records,
  sealed: Pick<SealedStage, 'countsAbsence' | 'removals'>,
  rules: DiffRules,
): Generator<Change, void, void> {
  const gone = new Set(sealed.removals.gone);
  const found = new Set(sealed.removals.found);
  for (const { key, known: before, read: now } of merge(known, read)) {
    if (now !== undefined) {
      yield seen(key, before, now, rules);
    } else if (before !== undefined) {
      const id = gone.size + found.size > 0 ? key.toString('hex') : '';
      if (gone.has(id)) yield { key, kind: 'gone', before, after: undefined };
      else if (found.has(id)) yield { key, kind: 'same', before, after: { ...before, absent: 0 } };
      else yield missed(key, before, sealed.countsAbsence);
    }
  }
}

/** What the lists of a stage of edges say, and which of their ends are there. */
export interface EdgeRules extends DiffRules {
  readonly allowed: boolean;
  /** True where the other end of an edge is known. */
  readonly isKnown: (target: string) => boolean;
  /** False where the parent was delivered as gone, by a generation that ended before it came to its edges. */
  readonly hasParent: (parent: string) => boolean;
  /** Ids that are gone in this generation. */
  readonly gone: ReadonlySet<string>;
}

/** Value of a list's own record in the spool: whether the list is complete and accounts for all of its rows. */
export const completeList = Buffer.from([1]);
export const incompleteList = Buffer.from([0]);

/** The changes of edges. A list without a record of its own was not read: what is known of it stands. */
export function* diffEdges(known: Records, read: Records, rules: EdgeRules): Generator<Change, void, void> {
  let list: { readonly key: Buffer; readonly complete: boolean } | undefined;
  const edges = (function* () {
    for (let next = read.next(); !next.done; next = read.next()) yield next.value;
  })();
  const LIST_KEY = 13;
  let left = known.next();
  let right = edges.next();
  for (;;) {
    while (!right.done && right.value.key.length === LIST_KEY) {
      // Edges known of earlier lists come before this one's record.
      if (!left.done && Buffer.compare(left.value.key, right.value.key) < 0) break;
      list = { key: Buffer.from(right.value.key), complete: right.value.value[0] === 1 };
      right = edges.next();
    }
    if (left.done && right.done) return;
    const isHead = !right.done && right.value.key.length === LIST_KEY;
    const order = left.done ? 1 : right.done || isHead ? -1 : Buffer.compare(left.value.key, right.value.key);
    if (order >= 0 && !right.done) {
      const { key } = right.value;
      const before = order === 0 && !left.done ? decodeEntry(left.value) : undefined;
      const isKnown = rules.isKnown(edgeParts(key).target as string);
      yield seen(key, before, { ...decodeEntry(right.value), known: isKnown }, rules);
      if (order === 0) left = known.next();
      right = edges.next();
    } else if (!left.done) {
      const { key } = left.value;
      const before = decodeEntry(left.value);
      const ofList = list?.complete === true && list.key.equals(key.subarray(0, LIST_KEY));
      if (isCut(key, rules)) yield { key, kind: 'gone', before, after: undefined, endpointGone: true };
      else if (ofList && rules.allowed && before.absent >= 1) yield { key, kind: 'gone', before, after: undefined };
      else yield missed(key, before, ofList);
      left = known.next();
    }
  }
}

function isCut(key: Buffer, { gone, hasParent }: EdgeRules): boolean {
  const { parent, target } = edgeParts(key);
  return gone.has(parent) || !hasParent(parent) || (target !== undefined && gone.has(target));
}

function seen(key: Buffer, before: Entry | undefined, now: Entry, { observedAt, full }: DiffRules): Change {
  const after = { absent: 0, known: now.known, firstSeen: before?.firstSeen ?? observedAt, json: now.json };
  const isSame = before !== undefined && before.known === now.known && before.json.equals(now.json);
  return { key, kind: isSame && !full ? 'same' : 'upsert', before, after };
}

function missed(key: Buffer, before: Entry, counts: boolean): Change {
  return { key, kind: 'same', before, after: counts ? { ...before, absent: before.absent + 1 } : before };
}

/** The record that is kept of a change; undefined where it is gone. */
export function recordAfter({ key, after }: Change): SortedRecord | undefined {
  return after && { key, value: encodeEntry(after) };
}
