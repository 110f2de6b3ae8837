import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, type JsonValue } from '../../mappings/json.js';
import { CollectorError, storageFailed } from '../errors.js';
import { fileMode, isMissing, makeDirectory, namesIn, replaceFile, syncDirectory } from '../files/durable-file.js';
import { SocketLock } from '../sinks/files/socket-lock.js';

/** A request's body as it came. */
export interface SpooledBody {
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** What is kept of its headers; no credential among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Where a reader stands in a spool: a byte of a segment. */
export interface SpoolPosition {
  readonly segment: number;
  readonly offset: number;
}

/** What a reader got. */
export interface SpoolPortion {
  readonly bodies: readonly SpooledBody[];
  /** Where the next portion begins. */
  readonly position: SpoolPosition;
  /** Bytes that no body could be read from: the end of a write that a crash cut, and was not acknowledged. */
  readonly cut: number;
}

const SEGMENT = /^(\d{12})\.bodies$/;
const DIGEST_CHARACTERS = 16;
const READ_BYTES = 4 * 1024 * 1024;
/** Written by one sync. */
const MOST_PER_SYNC_BYTES = 8 * 1024 * 1024;
/** A segment that has grown past this is followed by another, so that what is delivered can go. */
const SEGMENT_BYTES = 8 * 1024 * 1024;

interface Waiting {
  readonly line: Buffer;
  resolve(): void;
  reject(error: CollectorError): void;
}

export const SPOOL_START: SpoolPosition = { segment: 0, offset: 0 };

export function isBefore(one: SpoolPosition, other: SpoolPosition): boolean {
  return one.segment < other.segment || (one.segment === other.segment && one.offset < other.offset);
}

/**
 * Bodies on disk between their acknowledgement and their delivery: files that grow line by line, each line
 * `digest SP JSON LF`. A body counts once its line is synced; bodies that come together share a sync. A reader's position is
 * kept by the lane with what it delivered, so that a body is delivered once however the process ends.
 */
export class Spool {
  #handle: FileHandle | undefined;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #isFlushing = false;
  #closed = false;
  #appended = 0;
  readonly #arrivals = new Set<() => void>();

  private constructor(
    private readonly directory: string,
    private readonly lock: SocketLock,
    /** Names this spool in a lane's state: another machine's is another one. */
    readonly id: string,
    /** Segments and their synced bytes. */
    private readonly segments: Map<number, number>,
    private readonly maxBytes: number,
  ) {}

  /**
   * Opens the spool of a directory, made if missing, under a lock that dies with the process.
   * @param maxBytes bodies that wait for delivery take no more than this
   * @throws CollectorError LANE_IN_USE while another process has it; STORAGE_FAILED
   */
  static async open(directory: string, maxBytes: number): Promise<Spool> {
    let lock: SocketLock | undefined;
    try {
      lock = await SocketLock.take(join(directory, 'lock'));
      if (lock === undefined)
        throw new CollectorError('LANE_IN_USE', `Another collector receives webhooks into ${directory}.`, {
          cure: 'Let one process run the feed, or give each a state.directory of its own.',
          transient: true,
        });
      const segments = new Map<number, number>();
      for (const name of (await namesIn(directory)).sort()) {
        const found = SEGMENT.exec(name);
        if (found !== null) segments.set(Number(found[1]), (await stat(join(directory, name))).size);
      }
      return new Spool(directory, lock, await idOf(directory), segments, maxBytes);
    } catch (error) {
      await lock?.release();
      throw storageFailed(error, directory);
    }
  }

  /** Bytes that wait on disk. */
  get bytes(): number {
    let bytes = 0;
    for (const size of this.segments.values()) bytes += size;
    return bytes;
  }

  /**
   * Resolves once the body is synced, with its file's name.
   * @throws CollectorError STORAGE_FAILED (transient): it may or may not be on disk, and was not promised
   */
  append({ receivedAt, headers, body }: SpooledBody): Promise<void> {
    if (this.#closed) return Promise.reject(refused('The receiver is stopping.'));
    const waiting = this.#waiting.reduce((sum, { line }) => sum + line.length, 0);
    if (this.bytes + waiting + body.length > this.maxBytes)
      return Promise.reject(refused(`${this.maxBytes} bytes of webhooks wait for delivery: no more are taken.`));
    const json = JSON.stringify({ at: receivedAt, headers, body: body.toString('base64') });
    const line = Buffer.from(`${digest(json)} ${json}\n`);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      if (!this.#isFlushing) this.#flushing = this.#flush();
    });
  }

  /** Bodies appended since it was opened, for `arrival`. */
  get appended(): number {
    return this.#appended;
  }

  /** What is synced ends here. */
  get end(): SpoolPosition {
    return { segment: this.#newest, offset: this.segments.get(this.#newest) ?? 0 };
  }

  /**
   * What follows a position, as far as it is synced. The position moves past segments that are read to their end. One beyond the
   * end is of files that are gone (an older copy was put back): all that is here is read, and known notices are repeats.
   */
  async read(position: SpoolPosition, most: number): Promise<SpoolPortion> {
    const newest = this.#newest;
    const last = this.#handle === undefined ? { segment: newest + 1, offset: 0 } : this.end;
    const from = isBefore(last, position) ? SPOOL_START : position;
    let cut = 0;
    for (const segment of [...this.segments.keys()].sort((a, b) => a - b)) {
      if (segment < from.segment) continue;
      const offset = segment === from.segment ? from.offset : 0;
      const synced = this.segments.get(segment)!;
      const portion = await readSegment(join(this.directory, nameOf(segment)), offset, synced, most);
      const { bodies, end } = portion;
      cut += portion.cut;
      const isActive = segment === newest && this.#handle !== undefined;
      if (bodies.length > 0 || isActive) return { bodies, position: { segment, offset: end }, cut };
      // What is left of a segment that nobody writes was cut by a crash, before it was promised.
      cut += synced - end;
      if (segment === newest) return { bodies, position: { segment: segment + 1, offset: 0 }, cut };
    }
    return { bodies: [], position: from, cut };
  }

  /** Removes segments that lie before a position; the newest stays, because it numbers the next. */
  async forget(before: SpoolPosition): Promise<void> {
    const newest = this.#newest;
    for (const segment of [...this.segments.keys()]) {
      if (segment >= before.segment || segment === newest) continue;
      await rm(join(this.directory, nameOf(segment)), { force: true });
      this.segments.delete(segment);
    }
  }

  /** Resolves when a body was appended since `appended` was `seen`, or the signal aborts. */
  arrival(seen: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.#appended !== seen) return resolve();
      const done = () => {
        this.#arrivals.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.#arrivals.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Takes nothing more; what was taken is synced, or rejected. Never throws. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#flushing;
    await this.#handle?.close().catch(() => undefined);
    this.#handle = undefined;
    await this.lock.release();
  }

  get #newest(): number {
    return Math.max(0, ...this.segments.keys());
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    while (this.#waiting.length > 0) {
      const together: Waiting[] = [];
      for (let bytes = 0; this.#waiting.length > 0 && bytes < MOST_PER_SYNC_BYTES; ) {
        const next = this.#waiting.shift()!;
        bytes += next.line.length;
        together.push(next);
      }
      try {
        await this.#write(Buffer.concat(together.map(({ line }) => line)));
        this.#appended += together.length;
        for (const { resolve } of together) resolve();
        for (const done of [...this.#arrivals]) done();
      } catch (error) {
        for (const { reject } of together) reject(storageFailed(error, this.directory));
      }
    }
    this.#isFlushing = false;
  }

  async #write(lines: Buffer): Promise<void> {
    let segment = this.#newest;
    if (this.#handle !== undefined && this.segments.get(segment)! >= SEGMENT_BYTES) await this.#leave();
    const isNew = this.#handle === undefined;
    if (isNew) segment += 1;
    const handle = this.#handle ?? (await open(join(this.directory, nameOf(segment)), 'ax', fileMode));
    this.#handle = handle;
    const size = this.segments.get(segment) ?? 0;
    this.segments.set(segment, size);
    try {
      if (isNew) await syncDirectory(this.directory);
      await handle.writeFile(lines);
      await handle.datasync();
    } catch (error) {
      // Part of it may be there, and after a failed sync nobody knows: the next body begins another segment.
      await handle.truncate(size).catch(() => undefined);
      await this.#leave();
      throw error;
    }
    this.segments.set(segment, size + lines.length);
  }

  async #leave(): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    this.#handle = undefined;
  }
}

async function readSegment(
  path: string,
  offset: number,
  synced: number,
  most: number,
): Promise<{ bodies: SpooledBody[]; end: number; cut: number }> {
  const bodies: SpooledBody[] = [];
  let end = offset;
  let cut = 0;
  if (synced <= offset) return { bodies, end, cut };
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(READ_BYTES, synced - offset));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
    for (let start = 0; bodies.length < most; ) {
      const stop = buffer.indexOf(0x0a, start);
      if (stop < 0 || stop >= bytesRead) break;
      const body = bodyOf(buffer.toString('utf8', start, stop));
      if (body === undefined) cut += stop + 1 - start;
      else bodies.push(body);
      start = stop + 1;
      end = offset + start;
    }
    return { bodies, end, cut };
  } finally {
    await handle.close();
  }
}

/** Undefined for a line that was not written whole. */
function bodyOf(line: string): SpooledBody | undefined {
  const json = line.slice(DIGEST_CHARACTERS + 1);
  if (line.slice(0, DIGEST_CHARACTERS) !== digest(json)) return undefined;
  const value = JSON.parse(json) as JsonValue;
  if (!isObject(value) || typeof value.body !== 'string') return undefined;
  return {
    receivedAt: Number(value.at),
    headers: isObject(value.headers) ? (value.headers as Record<string, string>) : {},
    body: Buffer.from(value.body, 'base64'),
  };
}

function digest(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, DIGEST_CHARACTERS);
}

function nameOf(segment: number): string {
  return `${String(segment).padStart(12, '0')}.bodies`;
}

async function idOf(directory: string): Promise<string> {
  await makeDirectory(directory);
  const path = join(directory, 'id');
  const known = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  if (/^[0-9a-f]{16}\n$/.test(known)) return known.trim();
  const id = randomBytes(8).toString('hex');
  await replaceFile(path, `${id}\n`);
  return id;
}

function refused(message: string): CollectorError {
  return new CollectorError('STORAGE_FAILED', message, {
    cure: 'JumpCloud tries again three times; what it gives up on is found in its list of alerts.',
    transient: true,
  });
}
