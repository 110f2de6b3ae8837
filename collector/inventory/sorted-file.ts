import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsync, openSync, readSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { breathe } from '../clock.js';
import { fileMode } from '../files/durable-file.js';

/**
 * A file of records in the order of their keys, each once. A record is the length of its key (two bytes), that of its
 * value (four), the key and the value.
 */
export interface SortedRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

const HEAD = 6;
const CHUNK = 256 * 1024;
const sync = promisify(fsync);
/** Bytes of records that are sorted in memory. */
const RUN = 16 * 1024 * 1024;

/** What a finished file holds. */
export interface FileFacts {
  readonly records: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes records that come in order. @throws RangeError for a key that does not follow the last one */
export class SortedWriter {
  readonly #file: number;
  readonly #hash: Hash = createHash('sha256');
  #buffer = Buffer.allocUnsafe(CHUNK);
  #used = 0;
  /** A copy: the key itself lies in a reader's buffer, which moves on. */
  #last = Buffer.alloc(0);
  #records = 0;
  #bytes = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w', fileMode);
  }

  write({ key, value }: SortedRecord): void {
    if (this.#records > 0 && Buffer.compare(this.#last, key) >= 0)
      throw new RangeError('records of a sorted file come in the order of their keys');
    if (this.#last.length === key.length) key.copy(this.#last);
    else this.#last = Buffer.from(key);
    const size = HEAD + key.length + value.length;
    if (this.#used + size > this.#buffer.length) this.#flush();
    if (size > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(size);
    const at = this.#used;
    this.#buffer.writeUInt16LE(key.length, at);
    this.#buffer.writeUInt32LE(value.length, at + 2);
    key.copy(this.#buffer, at + HEAD);
    value.copy(this.#buffer, at + HEAD + key.length);
    this.#used += size;
    this.#records += 1;
  }

  /** Makes the content durable. The name itself lasts once its directory is synced. */
  async finish(): Promise<FileFacts> {
    this.#flush();
    try {
      await sync(this.#file);
    } finally {
      closeSync(this.#file);
    }
    return { records: this.#records, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Makes the content readable, but not durable. */
  end(): void {
    this.#flush();
    closeSync(this.#file);
  }

  abandon(): void {
    closeSync(this.#file);
  }

  #flush(): void {
    const part = this.#buffer.subarray(0, this.#used);
    for (let at = 0; at < part.length; ) at += writeSync(this.#file, part, at);
    this.#hash.update(part);
    this.#bytes += part.length;
    this.#used = 0;
  }
}

/**
 * The records of a file, in order; none where there is no file. A record's buffers are valid until the next one is asked for.
 * @throws RangeError for a file that ends inside a record
 */
export function* readSorted(path: string | undefined): Generator<SortedRecord, void, void> {
  if (path === undefined) return;
  const file = openSync(path, 'r');
  try {
    let buffer = Buffer.allocUnsafe(CHUNK);
    let from = 0;
    let to = 0;
    const need = (size: number): boolean => {
      while (to - from < size) {
        if (from > 0) {
          buffer.copyWithin(0, from, to);
          to -= from;
          from = 0;
        }
        if (size > buffer.length) buffer = Buffer.concat([buffer.subarray(0, to)], Math.max(size, buffer.length * 2));
        const read = readSync(file, buffer, to, buffer.length - to, null);
        if (read === 0) return false;
        to += read;
      }
      return true;
    };
    for (;;) {
      if (!need(HEAD)) {
        if (to !== from) throw new RangeError(`${path} ends inside a record`);
        return;
      }
      const keyLength = buffer.readUInt16LE(from);
      const size = HEAD + keyLength + buffer.readUInt32LE(from + 2);
      if (!need(size)) throw new RangeError(`${path} ends inside a record`);
      const start = from + HEAD;
      const record = {
        key: buffer.subarray(start, start + keyLength),
        value: buffer.subarray(start + keyLength, from + size),
      };
      from += size;
      yield record;
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Takes records in any order, the last one of a key counting, and writes them sorted with no more than a run of them in
 * memory. One with an empty value takes its key out.
 */
export class Sorter {
  #pending: SortedRecord[] = [];
  #bytes = 0;
  readonly #runs: string[] = [];

  constructor(private readonly path: string) {}

  add(record: SortedRecord): void {
    this.#pending.push(record);
    this.#bytes += record.key.length + record.value.length + 100;
    if (this.#bytes >= RUN) this.#spill();
  }

  async finish(): Promise<FileFacts> {
    const writer = new SortedWriter(this.path);
    if (this.#runs.length > 0) this.#spill();
    const pause = breathe();
    for (const record of this.#runs.length > 0 ? mergeRuns(this.#runs) : this.#sorted()) {
      await pause();
      if (record.value.length > 0) writer.write(record);
    }
    const facts = await writer.finish();
    await this.discard();
    return facts;
  }

  /** Forgets everything so far. */
  async discard(): Promise<void> {
    this.#pending = [];
    this.#bytes = 0;
    for (const run of this.#runs.splice(0)) await rm(run, { force: true });
  }

  #spill(): void {
    if (this.#pending.length === 0) return;
    const run = `${this.path}.run${this.#runs.length}`;
    this.#runs.push(run);
    const writer = new SortedWriter(run);
    for (const record of this.#sorted()) writer.write(record);
    writer.end();
  }

  /** The pending records in order, the last of each key. */
  #sorted(): SortedRecord[] {
    const pending = this.#pending.map((record, at) => ({ record, at }));
    this.#pending = [];
    this.#bytes = 0;
    pending.sort((a, b) => Buffer.compare(a.record.key, b.record.key) || a.at - b.at);
    const isLast = ({ record }: { record: SortedRecord }, at: number) =>
      pending[at + 1]?.record.key.equals(record.key) !== true;
    return pending.filter(isLast).map(({ record }) => record);
  }
}

/** Runs in one order; of equal keys the one of the latest run. */
function* mergeRuns(runs: readonly string[]): Generator<SortedRecord, void, void> {
  const heads = runs.map((run) => {
    const records = readSorted(run);
    return { records, head: records.next() };
  });
  for (;;) {
    let least: Buffer | undefined;
    let chosen = -1;
    for (const [at, { head }] of heads.entries()) {
      if (head.done) continue;
      const order = least === undefined ? -1 : Buffer.compare(head.value.key, least);
      if (order > 0) continue;
      least = head.value.key;
      chosen = at;
    }
    const from = heads[chosen];
    if (from === undefined || from.head.done) return;
    const key = Buffer.from(from.head.value.key);
    yield from.head.value;
    for (const one of heads) while (!one.head.done && one.head.value.key.equals(key)) one.head = one.records.next();
  }
}
