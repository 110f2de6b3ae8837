import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonValue } from '../../mappings/json.js';
import { CollectorError, storageFailed } from '../errors.js';
import { fileMode, isMissing, makeDirectory, namesIn, syncDirectory } from './durable-file.js';

/** What a line says besides its number and the hash of the line before. */
export type JournalEntry = Readonly<Record<string, JsonValue>>;

/** A stored line. */
export interface JournalLine {
  /** From 1, across all files. */
  readonly number: number;
  readonly entry: JournalEntry;
}

/** An append-only journal: each line carries the SHA-256 of the line before, so that a change of a stored line shows. */
export interface Journal {
  /** Bytes of a last line that a crash had cut short, and that were taken off when the journal was opened. */
  readonly recovered: number;
  /**
   * Writes one line; when it resolves, the line is durable. Lines are written in the order of the calls.
   * @returns the number of the line
   * @throws CollectorError STORAGE_FAILED; nothing of the line remains, or no further line is written
   */
  append(entry: JournalEntry): Promise<number>;
  close(): Promise<void>;
}

/** What `verifyJournal` found. */
export interface JournalVerification {
  readonly lines: number;
  /** The first line that is not what was written there; undefined: the chain is whole. */
  readonly broken: { readonly file: string; readonly line: number; readonly reason: string } | undefined;
}

/** A reader's position in a journal: behind one of its lines. */
export interface JournalPosition extends End {
  /** Hash of the journal's first line: another journal has another. */
  readonly chain: string;
  readonly file: string;
  /** Bytes of the file up to the end of the line. */
  readonly offset: number;
}

/** A line with the position behind it. */
export interface PlacedLine extends JournalLine {
  readonly position: JournalPosition;
}

/** What the first line names as the hash of the line before it. */
const GENESIS = '0'.repeat(64);

interface End {
  readonly number: number;
  readonly hash: string;
}

/**
 * Opens the journal `NAME-YYYY-MM.ndjson` of a directory, one file per month of UTC; the chain runs on from file to file.
 * One process writes a journal at a time. A last line without its line end was never acknowledged, and is taken off.
 * @param now epoch milliseconds; decides the file
 * @throws CollectorError STATE_CORRUPT where the last line is no line of a journal; STORAGE_FAILED
 */
export async function openJournal(directory: string, name: string, now: () => number): Promise<Journal> {
  try {
    await makeDirectory(directory);
    const last = (await filesOf(directory, name)).at(-1);
    let recovered = 0;
    let end: End = { number: 0, hash: GENESIS };
    if (last !== undefined) {
      recovered = await cutTornLine(join(directory, last));
      end = await endOf(directory, name);
    }
    return journalOver(directory, name, now, end, recovered);
  } catch (error) {
    throw storageFailed(error, directory);
  }
}

function journalOver(directory: string, name: string, now: () => number, from: End, recovered: number): Journal {
  let end = from;
  let file: { readonly name: string; readonly handle: FileHandle; size: number } | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let torn: CollectorError | undefined;

  const fileFor = async (month: string) => {
    const wanted = `${name}-${month}.ndjson`;
    // A clock that went back does not break the order of the files.
    if (file !== undefined && file.name >= wanted) return file;
    await file?.handle.close();
    file = undefined;
    const newest = (await filesOf(directory, name)).at(-1);
    const chosen = newest !== undefined && newest > wanted ? newest : wanted;
    const handle = await open(
      join(directory, chosen),
      constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
      fileMode,
    );
    await handle.chmod(fileMode);
    await syncDirectory(directory);
    file = { name: chosen, handle, size: (await handle.stat()).size };
    return file;
  };
  const write = async (entry: JournalEntry): Promise<number> => {
    if (torn !== undefined) throw torn;
    const number = end.number + 1;
    const line = JSON.stringify({ number, previous: end.hash, entry });
    const into = await fileFor(new Date(now()).toISOString().slice(0, 7));
    const bytes = Buffer.from(`${line}\n`);
    try {
      await into.handle.appendFile(bytes);
      await into.handle.sync();
    } catch (error) {
      await into.handle.truncate(into.size).catch(() => {
        // A further line would join the torn one, and the next start would refuse the journal.
        torn = tornLine(join(directory, into.name), error);
      });
      throw torn ?? error;
    }
    into.size += bytes.length;
    end = { number, hash: hashOf(line) };
    return number;
  };
  return {
    recovered,
    append(entry) {
      const written = queue.then(() => write(entry));
      queue = written.catch(() => undefined);
      return written.catch((error: unknown) => {
        throw storageFailed(error, directory);
      });
    },
    async close() {
      await queue;
      await file?.handle.close();
      file = undefined;
    },
  };
}

/**
 * All lines of a journal, oldest first. A last line without its line end was never acknowledged, and is left out.
 * @throws CollectorError STATE_CORRUPT at a line that is none of a journal; STORAGE_FAILED
 */
export async function* journalLines(directory: string, name: string): AsyncGenerator<JournalLine> {
  for (const file of await filesOf(directory, name)) {
    for (const text of linesOf(await textOf(directory, file))) {
      const line = parse(text);
      if (line === undefined) throw foreignLine(join(directory, file));
      yield { number: line.number, entry: line.entry };
    }
  }
}

/**
 * The lines behind a position, oldest first; what precedes it is not read. A journal with another beginning is read
 * from its first line.
 * @throws CollectorError STATE_CORRUPT where the position is not in the journal, or a line does not follow from the one
 *   before; STORAGE_FAILED
 */
export async function* journalLinesAfter(
  directory: string,
  name: string,
  stored: JournalPosition | undefined,
): AsyncGenerator<PlacedLine> {
  const files = await filesOf(directory, name);
  let chain = await firstHashOf(directory, files);
  const from = stored !== undefined && stored.chain === chain ? stored : undefined;
  if (from !== undefined && (await sizeOf(directory, from.file)) < from.offset)
    throw brokenAfter(join(directory, from.file), from.number);
  let before: End = from ?? { number: 0, hash: GENESIS };
  for (const file of files.filter((one) => from === undefined || one >= from.file)) {
    const start = file === from?.file ? from.offset : 0;
    for await (const { text, end } of linesFrom(directory, file, start)) {
      const line = parse(text);
      if (line === undefined || line.previous !== before.hash || line.number !== before.number + 1)
        throw brokenAfter(join(directory, file), before.number);
      before = { number: line.number, hash: hashOf(text) };
      chain ??= before.hash;
      yield { number: line.number, entry: line.entry, position: { chain, file, offset: end, ...before } };
    }
  }
}

/** Bytes of a file; 0 for one that is not there. */
async function sizeOf(directory: string, file: string): Promise<number> {
  try {
    return (await stat(join(directory, file))).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw storageFailed(error, directory);
  }
}

/** A file whose first line could not be written is empty. */
async function firstHashOf(directory: string, files: readonly string[]): Promise<string | undefined> {
  for (const file of files) for await (const { text } of linesFrom(directory, file, 0)) return hashOf(text);
  return undefined;
}

/** Complete lines from a byte on, each with the byte behind its end. */
async function* linesFrom(
  directory: string,
  file: string,
  start: number,
): AsyncGenerator<{ readonly text: string; readonly end: number }> {
  let rest: Buffer = Buffer.alloc(0);
  let at = start;
  try {
    for await (const chunk of createReadStream(join(directory, file), { start })) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
        at += end + 1;
        yield { text: rest.toString('utf8', 0, end), end: at };
        rest = rest.subarray(end + 1);
      }
    }
  } catch (error) {
    throw storageFailed(error, directory);
  }
}

function brokenAfter(path: string, number: number): CollectorError {
  return new CollectorError(
    'STATE_CORRUPT',
    `${path} does not go on from line number ${number} of its journal: a line was changed, removed or put in.`,
    {
      cure: 'Keep the files of the journal as evidence: move all of them out of the directory. A new journal begins, and is read from its first line.',
    },
  );
}

/** Follows the chain from the first line to the last. @throws CollectorError STORAGE_FAILED */
export async function verifyJournal(directory: string, name: string): Promise<JournalVerification> {
  let before: End = { number: 0, hash: GENESIS };
  const files = await filesOf(directory, name);
  for (const file of files) {
    const text = await textOf(directory, file);
    let at = 0;
    for (const one of linesOf(text)) {
      at += 1;
      const line = parse(one);
      const reason =
        line === undefined
          ? 'it is no line of a journal'
          : line.previous !== before.hash || line.number !== before.number + 1
            ? `it does not follow from ${before.number === 0 ? 'the beginning' : `line number ${before.number}`}: a line was changed, removed or put in`
            : undefined;
      if (line === undefined || reason !== undefined)
        return { lines: before.number, broken: { file, line: at, reason: reason ?? '' } };
      before = { number: line.number, hash: hashOf(one) };
    }
    if (text !== '' && !text.endsWith('\n') && file !== files.at(-1))
      return { lines: before.number, broken: { file, line: at + 1, reason: 'its end is missing' } };
  }
  return { lines: before.number, broken: undefined };
}

/** Names of the journal's files, oldest first. */
async function filesOf(directory: string, name: string): Promise<string[]> {
  const names = await namesIn(directory);
  return names
    .filter((file) => file.startsWith(`${name}-`) && /^\d{4}-\d{2}\.ndjson$/.test(file.slice(name.length + 1)))
    .sort();
}

async function textOf(directory: string, file: string): Promise<string> {
  try {
    return await readFile(join(directory, file), 'utf8');
  } catch (error) {
    throw storageFailed(error, directory);
  }
}

/** Complete lines only. */
function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

function parse(text: string): { number: number; previous: string; entry: JournalEntry } | undefined {
  try {
    const { number, previous, entry } = JSON.parse(text) as Record<string, unknown>;
    if (typeof number !== 'number' || typeof previous !== 'string' || typeof entry !== 'object' || entry === null)
      return undefined;
    return { number, previous, entry: entry as JournalEntry };
  } catch {
    return undefined;
  }
}

function tornLine(path: string, cause: unknown): CollectorError {
  const { message, detail } = storageFailed(cause, path);
  return new CollectorError(
    'STORAGE_FAILED',
    `${message}. What was written of the line could not be taken off: the journal takes no further line.`,
    {
      cure: 'Mend the storage, then start the process again: a torn last line is taken off when the journal is opened.',
      ...(detail === undefined ? {} : { detail }),
      cause,
    },
  );
}

function foreignLine(path: string): CollectorError {
  return new CollectorError('STATE_CORRUPT', `A line of ${path} is no line of a journal.`, {
    cure: 'Keep the file as evidence: move it out of the directory. A new chain begins; its verification says so.',
  });
}

function hashOf(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}

/** Takes off what follows the last line end. @returns how many bytes */
async function cutTornLine(path: string): Promise<number> {
  const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const bytes = await handle.readFile();
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole === bytes.length) return 0;
    await handle.truncate(whole);
    await handle.sync();
    return bytes.length - whole;
  } finally {
    await handle.close();
  }
}

/** The last line of the journal: of the newest file that has one. */
async function endOf(directory: string, name: string): Promise<End> {
  for (const file of (await filesOf(directory, name)).reverse()) {
    const last = linesOf(await textOf(directory, file)).at(-1);
    if (last === undefined) continue;
    const line = parse(last);
    if (line !== undefined) return { number: line.number, hash: hashOf(last) };
    throw foreignLine(join(directory, file));
  }
  return { number: 0, hash: GENESIS };
}
