import { open } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import type { DeadLetter } from '../../mappings/dead-letter.js';
import { normalise } from '../../mappings/normalise.js';
import { readHeader } from '../../mappings/record.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { CollectorError, exitCodes } from '../errors.js';
import { fileMode } from '../files/durable-file.js';
import { put } from '../files/put.js';
import { mapper } from '../version.js';
import { readRecords } from './record-input.js';
import { growYoungGeneration } from './young-generation.js';

/** Characters of events that are written together, within one piece of the input. */
const MOST_PER_WRITE = 256 * 1024;

/** `map` on the process's own streams. */
export function map(options: { deadLetters?: string | undefined; rawData: boolean }): Promise<number> {
  return mapRecords(process.stdin, process.stdout, {
    deadLettersFile: options.deadLetters,
    rawData: options.rawData,
    report: (line) => process.stderr.write(`${line}\n`),
  });
}

/**
 * `map`: records (NDJSON, or JumpCloud's own answer) in, events (NDJSON) out, in the same order; no network, no state, no clock.
 * @param deadLettersFile where the dead letters go, as NDJSON (mode 0600); undefined: they are only counted
 * @returns the exit code: 65 where there was a dead letter
 */
export async function mapRecords(
  input: Readable,
  output: Writable,
  options: { deadLettersFile: string | undefined; rawData: boolean; report: (line: string) => void },
): Promise<number> {
  const deadLetters =
    options.deadLettersFile === undefined ? undefined : await openDeadLetters(options.deadLettersFile);
  const occurrences = new Map<string, number>();
  const reasons = new Map<string, number>();
  const context = { rawData: options.rawData, mapper, target: ocsfTarget };
  try {
    let isGrowing = true;
    for await (const records of readRecords(input)) {
      if (isGrowing) isGrowing = growYoungGeneration();
      let events = '';
      for (const received of records) {
        const first = readHeader(received);
        const occurrence = first.id === undefined ? (occurrences.get(first.uid) ?? 0) : 0;
        if (first.id === undefined) occurrences.set(first.uid, occurrence + 1);
        const outcome = normalise(received, occurrence === 0 ? first : readHeader(received, occurrence), context);
        if (outcome.kind === 'event') {
          events += `${outcome.event.text}\n`;
          if (events.length < MOST_PER_WRITE) continue;
          await put(output, events);
          events = '';
        } else {
          const { reason } = outcome.deadLetter;
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
          await deadLetters?.add(outcome.deadLetter);
        }
      }
      if (events !== '') await put(output, events);
    }
  } finally {
    await deadLetters?.close();
  }
  if (reasons.size === 0) return exitCodes.done;
  const counted = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
  options.report(`dead letters: ${counted}${deadLetters ? '' : ' (keep them with --dead-letters FILE)'}`);
  return exitCodes.data;
}

/** Opens the file before anything is mapped, so that a path that cannot be written fails before there is output. */
async function openDeadLetters(
  path: string,
): Promise<{ add(letter: DeadLetter): Promise<void>; close(): Promise<void> }> {
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CollectorError('STORAGE_FAILED', `The dead letters cannot be written to ${path}: ${reason}.`, {
        cure: 'Name a file that can be written.',
        cause: error,
      });
    }
  };
  const handle = await guarded(async () => {
    const opened = await open(path, 'w', fileMode);
    // An existing file keeps its mode, unless it is set; a device or pipe is not ours to change.
    if ((await opened.stat()).isFile()) await opened.chmod(fileMode);
    return opened;
  });
  return {
    add: (letter) => guarded(() => handle.appendFile(`${JSON.stringify(letter)}\n`)),
    close: () => guarded(() => handle.close()),
  };
}
