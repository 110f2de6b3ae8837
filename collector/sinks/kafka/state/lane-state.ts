import { CollectorError } from '../../../errors.js';
import { isStoredCursor, type StoredCursor } from '../../../position/cursor-codec.js';
import type { DedupeChunk } from '../../../position/dedupe-set.js';
import { isLive } from '../../../position/lane-name.js';
import { refuseOutdated, STATE_VERSION } from '../../../position/state-version.js';
import type { KafkaRecord } from '../client/partition-reader.js';
import type { ProcessIdentity } from './process-identity.js';

// The state topic: one partition, compacted. A lane has three kinds of records, distinguished by key:
//   <feed>|<lane>|cursor                       JSON CursorEntry
//   <feed>|<lane>|lease                        JSON Lease
//   <feed>|<lane>|seen|<minute>|<sequence>     8 bytes a remembered identity, big-endian; null: out of reach
// Chunks are only ever added and dropped, so no record grows with the overlap.

/** The state topic has this one. */
export const STATE_PARTITION = 0;

/** Identities in one record: 32 kB, half of what a state record may have. */
const HASHES_PER_CHUNK = 4_096;

/** The position as stored: the feed's cursor and what the sink needs to find the rest. */
export interface CursorEntry {
  readonly version: typeof STATE_VERSION;
  readonly cursor: StoredCursor;
  /** Names this commit: a lane whose commit failed finds out by it whether the commit took effect. */
  readonly commit: string;
  /** Number of the next chunk. */
  readonly sequence: number;
  /** Every chunk in reach lies at this offset or later. */
  readonly readFrom: string;
  /** What must be found from there on. */
  readonly pieces: number;
  readonly hashes: number;
}

/** Who holds a lane, and until when unless renewed. */
export interface Lease {
  readonly version: 1;
  readonly instance: string;
  readonly holder: ProcessIdentity;
  readonly seconds: number;
  /** RFC 3339. */
  readonly renewedAt: string;
  /** True after a clean stop: the lane is free. */
  readonly released: boolean;
}

/** A chunk of remembered identities in the log. */
export interface StoredChunk extends DedupeChunk {
  readonly key: string;
  readonly offset: bigint;
}

/** What the state topic says of one lane. */
export interface LaneState {
  readonly entry: CursorEntry | undefined;
  readonly lease: Lease | undefined;
  /** Offset of the lease's record: tells a renewal from the same lease read again. */
  readonly leaseOffset: bigint | undefined;
  readonly chunks: readonly StoredChunk[];
}

export const noLaneState: LaneState = { entry: undefined, lease: undefined, leaseOffset: undefined, chunks: [] };

/** The keys of one lane. */
export interface LaneKeys {
  readonly cursor: string;
  readonly lease: string;
  readonly seen: string;
  readonly isLive: boolean;
}

export function laneKeys(feed: string, lane: string): LaneKeys {
  const lead = `${feed}|${lane}|`;
  return { cursor: `${lead}cursor`, lease: `${lead}lease`, seen: `${lead}seen|`, isLive: isLive(lane) };
}

/** The lane whose cursor a key stands for; undefined for other keys and other feeds. */
export function laneOfCursorKey(key: string | undefined, feed: string): string | undefined {
  const [lead, tail] = [`${feed}|`, '|cursor'];
  return key?.startsWith(lead) && key.endsWith(tail) ? key.slice(lead.length, -tail.length) : undefined;
}

export function chunkKey(keys: LaneKeys, minute: number, sequence: number): string {
  return `${keys.seen}${minute}|${sequence}`;
}

export function encodeHashes(hashes: BigUint64Array): Buffer {
  const bytes = Buffer.alloc(hashes.length * 8);
  for (const [index, hash] of hashes.entries()) bytes.writeBigUInt64BE(hash, index * 8);
  return bytes;
}

function decodeHashes(bytes: Buffer): BigUint64Array {
  const hashes = new BigUint64Array(bytes.length / 8);
  for (let index = 0; index < hashes.length; index++) hashes[index] = bytes.readBigUInt64BE(index * 8);
  return hashes;
}

/** Cuts chunks so that each fits a record. */
export function cutChunks(chunks: readonly DedupeChunk[]): DedupeChunk[] {
  return chunks.flatMap(({ minute, hashes }) => {
    const cut: DedupeChunk[] = [];
    for (let at = 0; at < hashes.length; at += HASHES_PER_CHUNK) {
      cut.push({ minute, hashes: hashes.subarray(at, at + HASHES_PER_CHUNK) });
    }
    return cut;
  });
}

/**
 * What committed records of the state topic, in the order of their offsets, say of a lane. Only the newest of a key counts,
 * and only chunks from the position's `readFrom` on.
 * @throws CollectorError STATE_CORRUPT for a value that this program cannot have written, STATE_OUTDATED
 */
export function foldState(records: Iterable<KafkaRecord>, keys: LaneKeys): LaneState {
  const newest = new Map<string, KafkaRecord>();
  for (const record of records) if (record.key !== undefined) newest.set(record.key, record);
  const cursor = newest.get(keys.cursor)?.value;
  const lease = newest.get(keys.lease);
  const entry = cursor && readEntry(cursor);
  const readFrom = BigInt(entry?.readFrom ?? 0);
  const chunks: StoredChunk[] = [];
  for (const [key, { value, offset }] of newest) {
    if (key.startsWith(keys.seen) && value !== undefined && offset >= readFrom) {
      chunks.push(readChunk(key, value, offset, keys));
    }
  }
  return { entry, lease: lease?.value && readLease(lease.value), leaseOffset: lease?.offset, chunks };
}

function readEntry(value: Buffer): CursorEntry {
  const entry = parse(value) as CursorEntry | undefined;
  refuseOutdated(entry?.version, 'The state topic');
  if (entry?.version !== STATE_VERSION || !isStoredCursor(entry.cursor) || !/^\d+$/.test(String(entry.readFrom))) {
    throw corrupt('the position cannot be read');
  }
  return entry;
}

/** A lease that cannot be read protects nobody: the fencing of the transactional id does. */
function readLease(value: Buffer): Lease | undefined {
  const lease = parse(value) as Lease | undefined;
  return lease?.version === 1 && typeof lease.instance === 'string' ? lease : undefined;
}

function readChunk(key: string, value: Buffer, offset: bigint, keys: LaneKeys): StoredChunk {
  const [minute] = key.slice(keys.seen.length).split('|');
  if (value.length % 8 !== 0 || !/^-?\d+$/.test(minute ?? '')) throw corrupt('remembered identities cannot be read');
  return { key, offset, minute: Number(minute), hashes: decodeHashes(value) };
}

function parse(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString('utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Checks that everything the position counts on was found.
 * @throws CollectorError STATE_CORRUPT where the topic has lost records (retention, deleted records, a restored backup)
 */
export function requireComplete(state: LaneState, logStart: bigint): void {
  const { entry, chunks } = state;
  if (entry === undefined) return;
  if (entry.pieces > 0 && BigInt(entry.readFrom) < logStart && chunks.length < entry.pieces) {
    throw corrupt(`its records before offset ${logStart} were deleted`);
  }
  const hashes = chunks.reduce((sum, chunk) => sum + chunk.hashes.length, 0);
  if (chunks.length !== entry.pieces || hashes !== entry.hashes) {
    throw corrupt(
      `it counts ${entry.hashes} remembered identities in ${entry.pieces} pieces, but ${hashes} in ${chunks.length} were found`,
    );
  }
}

/** The refusal of a state topic that is not what this program wrote. */
export function corrupt(what: string): CollectorError {
  return new CollectorError('STATE_CORRUPT', `The state topic is damaged: ${what}.`, {
    cure: 'Set the position with `jumpcloud-ocsf state set`; records around it may then be delivered again, under the same uid.',
  });
}
