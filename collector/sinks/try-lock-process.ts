import { exitCodes } from '../errors.js';

/*
 * A second process that tries to take a lock which another one holds, a program of its own: `tables` or `stdout`, and the
 * directory that the lock lies in. Ends with 73 where it may not have it, with 0 where it got it.
 */
const [kind, directory = ''] = process.argv.slice(2);
process.umask(0o077);
export const ended = tryLock();

async function tryLock(): Promise<void> {
  try {
    process.exitCode = (await isTaken()) ? exitCodes.done : exitCodes.laneInUse;
  } catch (error) {
    process.stderr.write(error instanceof Error ? error.message : String(error));
    process.exitCode = exitCodes.storage;
  }
}

async function isTaken(): Promise<boolean> {
  if (kind === 'tables') return (await import('./tables/lock-proof.js')).tryTablesLock(directory);
  return (await import('./files/socket-lock.js')).trySocketLock(directory);
}
