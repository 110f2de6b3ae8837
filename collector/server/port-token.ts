import { stat } from 'node:fs/promises';
import { keyAt } from '../config/keys.js';
import { readFileFromDisk } from '../config/load-config.js';
import { readSecret, type Secret } from '../config/secret.js';
import type { RootLog } from '../log/logger.js';

/** The token of the port, which changes with its file. */
export interface PortToken {
  /** The token in force; the file is looked at once per second at most. Undefined: none is configured. Never throws. */
  current(): Promise<string | undefined>;
  /** The next `current` reads the file again, even where it looks unchanged. */
  reload(): void;
}

const LOOK_EVERY_MS = 1_000;
/** A file that was written so shortly before it was read may change once more under the same time stamp. */
const SETTLED_AFTER_MS = 5_000;

/**
 * Follows `http.token`. What cannot serve as a token (no file, empty, too short) leaves the one in force, with a warning.
 * @param now epoch milliseconds
 */
export function followToken(
  configured: Secret | undefined,
  log: Pick<RootLog, 'info' | 'warn' | 'redact'>,
  now: () => number,
): PortToken {
  const file = configured?.file;
  let known = configured?.reveal();
  let stamp = '';
  let lookedAt = Number.NEGATIVE_INFINITY;
  let warned = '';

  const warn = (message: string) => {
    if (message !== warned) log.warn(message, { cure: 'The token read before stays in force. Correct the file.' });
    warned = message;
  };
  const readAgain = async (path: string): Promise<void> => {
    const found = await stat(path).catch(() => undefined);
    const seen = found === undefined ? '' : `${found.mtimeMs} ${found.ctimeMs} ${found.size} ${found.ino}`;
    if (seen !== '' && seen === stamp) return;
    stamp = found !== undefined && now() - found.mtimeMs > SETTLED_AFTER_MS ? seen : '';
    const { secret, problem, notes } = readSecret(keyAt('http.token'), path, 'http.token', readFileFromDisk);
    if (problem !== undefined) warn(`${problem.where}: ${problem.message}`);
    if (secret === undefined) return;
    warned = '';
    if (secret.reveal() === known) return;
    log.redact(secret.reveal());
    known = secret.reveal();
    log.info(`${path} has changed: the port asks for the new http.token`);
    for (const note of notes) log.warn(note);
  };
  return {
    async current() {
      // A clock that steps back must not put off the next look.
      if (file === undefined || Math.abs(now() - lookedAt) < LOOK_EVERY_MS) return known;
      lookedAt = now();
      await readAgain(file);
      return known;
    },
    reload() {
      stamp = '';
      lookedAt = Number.NEGATIVE_INFINITY;
    },
  };
}
