import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CollectorError } from '../../errors.js';
import { inDirectory, isMissing, syncDirectory, writeAgain } from '../../files/durable-file.js';
import type { DedupeChunk } from '../../position/dedupe-set.js';

/** One file of remembered identities, as the lane's state names it. */
export interface DedupeFile {
  readonly name: string;
  /** The newest minute in it: once that is out of reach the file goes. */
  readonly lastMinute: number;
}

/** More files than this are merged into one. */
const MOST_FILES = 32;

// A file, every number big-endian:
//
//   File  => magic 8 bytes, Chunk…, SHA-256 of all before it 32 bytes
//   Chunk => minute FLOAT64, count UINT32, hash UINT64…
const MAGIC = Buffer.from('jcseen1\n');
const DIGEST_BYTES = 32;
const HEAD_BYTES = 12;

/**
 * Remembered identities of a lane in files that are written once: a commit adds one, and only the lane's state says
 * which of them count. So no state grows with the overlap, and a commit that fails leaves nothing behind.
 */
export class DedupeFiles {
  constructor(private readonly directory: string) {}

  /**
   * Stores what a commit adds, durably, and returns the files that the state after this commit is to name.
   * @param current the files that the state before this commit names
   */
  async write(
    sequence: number,
    current: readonly DedupeFile[],
    added: readonly DedupeChunk[],
    evictBefore: number,
  ): Promise<DedupeFile[]> {
    const within = current.filter((file) => file.lastMinute >= evictBefore);
    const merge = within.length >= MOST_FILES;
    const kept = merge ? [] : within;
    const chunks = [...(merge ? await this.read(within) : []), ...added].filter(
      (chunk) => chunk.minute >= evictBefore && chunk.hashes.length > 0,
    );
    if (chunks.length === 0) return kept;
    const name = dedupeFileName(sequence);
    const content = encode(chunks);
    await inDirectory(this.directory, () => writeAgain(join(this.directory, name), content));
    await syncDirectory(this.directory);
    return [...kept, { name, lastMinute: chunks.reduce((last, { minute }) => Math.max(last, minute), -Infinity) }];
  }

  /**
   * All chunks in these files.
   * @throws CollectorError STATE_CORRUPT where one is missing or damaged.
   */
  async read(files: readonly DedupeFile[]): Promise<DedupeChunk[]> {
    const chunks: DedupeChunk[] = [];
    for (const { name } of files) {
      const found = await this.readFile(name);
      if (found === undefined)
        throw new CollectorError(
          'STATE_CORRUPT',
          `The remembered identities in ${join(this.directory, name)} are missing or damaged.`,
          {
            cure: 'Restore the directory from a backup; without them records could be delivered twice.',
          },
        );
      for (const chunk of found) chunks.push(chunk);
    }
    return chunks;
  }

  /** The chunks of one file; undefined where it is missing or damaged. */
  async readFile(name: string): Promise<DedupeChunk[] | undefined> {
    try {
      return decode(await readFile(join(this.directory, name)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Removes files that the state does not name. */
  async removeOthers(files: readonly DedupeFile[]): Promise<void> {
    const named = new Set(files.map(({ name }) => name));
    for (const name of await this.list()) if (!named.has(name)) await rm(join(this.directory, name), { force: true });
  }

  /** Names of all files, whether or not the state names them. */
  async list(): Promise<string[]> {
    try {
      return await readdir(this.directory);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }
}

/** The name of the file that commit number `sequence` adds. */
export function dedupeFileName(sequence: number): string {
  return `${String(sequence).padStart(10, '0')}.seen`;
}

function encode(chunks: readonly DedupeChunk[]): Buffer {
  const size = chunks.reduce((sum, { hashes }) => sum + HEAD_BYTES + hashes.length * 8, 0);
  const buffer = Buffer.alloc(MAGIC.length + size + DIGEST_BYTES);
  let at = MAGIC.copy(buffer);
  for (const { minute, hashes } of chunks) {
    at = buffer.writeDoubleBE(minute, at);
    at = buffer.writeUInt32BE(hashes.length, at);
    for (const hash of hashes) at = buffer.writeBigUInt64BE(hash, at);
  }
  digest(buffer.subarray(0, at)).copy(buffer, at);
  return buffer;
}

function decode(buffer: Buffer): DedupeChunk[] | undefined {
  const end = buffer.length - DIGEST_BYTES;
  if (end < MAGIC.length || !buffer.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (!digest(buffer.subarray(0, end)).equals(buffer.subarray(end))) return undefined;
  const chunks: DedupeChunk[] = [];
  for (let at = MAGIC.length; at < end; ) {
    const minute = buffer.readDoubleBE(at);
    const hashes = new BigUint64Array(buffer.readUInt32BE(at + 8));
    at += HEAD_BYTES;
    for (let n = 0; n < hashes.length; n++, at += 8) hashes[n] = buffer.readBigUInt64BE(at);
    chunks.push({ minute, hashes });
  }
  return chunks;
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
