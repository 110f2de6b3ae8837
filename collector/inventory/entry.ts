import type { SortedRecord } from './sorted-file.js';

/** What is known of one object or edge between two generations, and (`absent` 0) what a spool holds of it. */
export interface Entry {
  /** Complete readings in a row that did not show it. */
  readonly absent: number;
  /** Of an edge: whether the list of users showed its other end. True for objects. */
  readonly known: boolean;
  /** Whole second since the epoch of the first reading that showed it. */
  readonly firstSeen: number;
  /** The object as JSON; empty for an edge. */
  readonly json: Buffer;
}

const HEAD = 6;
const MOST_ABSENT = 255;
const KNOWN = 1;

/** The value of a sorted file's record. */
export function encodeEntry({ absent, known, firstSeen, json }: Entry): Buffer {
  const value = Buffer.allocUnsafe(HEAD + json.length);
  value[0] = Math.min(absent, MOST_ABSENT);
  value[1] = known ? KNOWN : 0;
  value.writeUInt32LE(firstSeen, 2);
  json.copy(value, HEAD);
  return value;
}

/** Shares the record's buffer. */
export function decodeEntry({ value }: SortedRecord): Entry {
  return {
    absent: value[0] ?? 0,
    known: ((value[1] ?? 0) & KNOWN) !== 0,
    firstSeen: value.readUInt32LE(2),
    json: value.subarray(HEAD),
  };
}

/** An object's id, 24 hexadecimal digits, as a key. */
export function idKey(id: string): Buffer {
  return Buffer.from(id, 'hex');
}

const ID_BYTES = 12;

/** What an edge leads to. */
export const targetTypes = ['user', 'user_group', 'administrator'] as const;
export type TargetType = (typeof targetTypes)[number];

/** The key of the list of a parent's edges to one type of target; it precedes those of its edges. */
export function listKey(parent: string, type: TargetType): Buffer {
  const key = Buffer.allocUnsafe(ID_BYTES + 1);
  key.write(parent, 'hex');
  key[ID_BYTES] = targetTypes.indexOf(type);
  return key;
}

/** The key of an edge. */
export function edgeKey(list: Buffer, target: string): Buffer {
  const key = Buffer.allocUnsafe(list.length + ID_BYTES);
  list.copy(key);
  key.write(target, list.length, 'hex');
  return key;
}

/** An edge, or (`target` undefined) a list's own record. */
export interface EdgeParts {
  readonly parent: string;
  readonly type: TargetType;
  readonly target: string | undefined;
}

export function edgeParts(key: Buffer): EdgeParts {
  return {
    parent: key.toString('hex', 0, ID_BYTES),
    type: targetTypes[key[ID_BYTES] ?? 0] as TargetType,
    target: key.length > ID_BYTES + 1 ? key.toString('hex', ID_BYTES + 1) : undefined,
  };
}
