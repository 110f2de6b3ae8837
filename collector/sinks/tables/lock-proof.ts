import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asCollectorError } from '../../errors.js';
import { makeDirectory } from '../../files/durable-file.js';
import { proveExcluded } from '../second-process.js';
import { tablesFailed } from './error-table.js';
import { takeLock } from './lock-file.js';

/**
 * Takes a lock as a lane does, in a directory of the check's own, and has a second process try it.
 * @throws CollectorError STORAGE_FAILED where there is no lock to be had, or it excludes nobody
 */
export async function proveTablesLock(directory: string): Promise<void> {
  try {
    await makeDirectory(directory);
    const probe = await mkdtemp(join(directory, '.check-'));
    try {
      const unlock = await take(probe);
      try {
        await proveExcluded('tables', probe);
      } finally {
        await unlock();
      }
    } finally {
      await rm(probe, { recursive: true, force: true });
    }
  } catch (error) {
    throw tablesFailed(error, directory);
  }
}

/** Whether this process can take the lock that `proveTablesLock` holds in another. */
export async function tryTablesLock(probe: string): Promise<boolean> {
  try {
    await (await take(probe))();
    return true;
  } catch (error) {
    if (asCollectorError(error).code === 'LANE_IN_USE') return false;
    throw error;
  }
}

function take(probe: string): Promise<() => Promise<void>> {
  return takeLock(join(probe, 'held'), 'check');
}
