import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asCollectorError, errno } from '../../errors.js';
import { takeLock } from './lock-file.js';

/** A directory that one DuckDB may spill to. */
export interface SpillDirectory {
  readonly path: string;
  /** Removes it with all that is in it. */
  free(): Promise<void>;
}

/** Below the system's temporary directory, for processes without write access to the tables' directory. */
export async function temporarySpill(): Promise<SpillDirectory> {
  const path = join(tmpdir(), `.spill-${randomUUID()}`);
  return { path, free: () => rm(path, { recursive: true, force: true }) };
}

/** Where no lock can be made, a question may be asked all the same. */
const NOT_WRITABLE = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'];

/**
 * One of the numbered directories below a root, the first that no process holds; a temporary one where the root cannot be
 * written to. The next process that locks the directory of a killed one removes what that has spilled.
 */
export async function lockedSpill(root: string): Promise<SpillDirectory> {
  for (let number = 0; ; number++) {
    let unlock: () => Promise<void>;
    try {
      unlock = await takeLock(join(root, `${number}.held`), 'of spilled rows');
    } catch (error) {
      const { code, detail } = asCollectorError(error);
      if (code === 'LANE_IN_USE') continue;
      if (NOT_WRITABLE.includes(errno(error) ?? detail ?? '')) return temporarySpill();
      throw error;
    }
    const path = join(root, `${number}.spill`);
    const remove = () => rm(path, { recursive: true, force: true });
    await remove();
    return {
      path,
      free: () => remove().finally(unlock),
    };
  }
}
