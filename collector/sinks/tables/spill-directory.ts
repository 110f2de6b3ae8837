import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asCollectorError } from '../../errors.js';
import { takeLock } from './lock-file.js';

/** A directory that one DuckDB may spill to. */
export interface SpillDirectory {
  readonly path: string;
  /** Removes it with all that is in it. */
  free(): Promise<void>;
}

/** One below the system's temporary directory, for whoever may not write to the tables' directory. */
export async function temporarySpill(): Promise<SpillDirectory> {
  const path = join(tmpdir(), `.spill-${randomUUID()}`);
  return { path, free: () => rm(path, { recursive: true, force: true }) };
}

/**
 * One of the numbered directories below a root, the first that no process holds. What a process that was killed has
 * spilled is removed by whoever takes its directory next.
 */
export async function lockedSpill(root: string): Promise<SpillDirectory> {
  for (let number = 0; ; number++) {
    const unlock = await takeLock(join(root, `${number}.held`), 'of spilled rows').catch((error: unknown) => {
      if (asCollectorError(error).code === 'LANE_IN_USE') return undefined;
      throw error;
    });
    if (unlock === undefined) continue;
    const path = join(root, `${number}.spill`);
    const remove = () => rm(path, { recursive: true, force: true });
    await remove();
    return {
      path,
      async free() {
        await remove();
        await unlock();
      },
    };
  }
}
