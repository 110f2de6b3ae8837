import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.js';
import { errno } from '../errors.js';

/** Notices of file systems do not reach through links, mounts and containers: the files are looked at instead. */
const LOOK_EVERY_MS = 2_000;

/**
 * Calls `onChange` when the files of these directories have changed and were the same at two looks in a row, so that one
 * that is being written, or a set that is being swapped, is not read in the middle. Never rejects; ends with the signal.
 */
export async function watchFeedFiles(
  directories: readonly string[],
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
  onChange: () => Promise<unknown>,
): Promise<void> {
  let known = await digest(directories);
  let before = known;
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal);
    if (signal.aborted) return;
    const now = await digest(directories);
    if (now !== known && now === before) {
      known = now;
      await onChange();
    }
    before = now;
  }
}

async function digest(directories: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const directory of directories) {
    const names = await readdir(directory).catch((error: unknown) => [`\n${errno(error)}`]);
    for (const name of names.filter((one) => !one.startsWith('.')).sort()) {
      const text = await readFile(join(directory, name)).catch((error: unknown) => `\n${errno(error)}`);
      hash.update(`${directory}\0${name}\0${text.length}\0`).update(text);
    }
  }
  return hash.digest('hex');
}
