import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs';
import { sep } from 'node:path';
import { errno, isMissing } from '../files/durable-file.js';
import type { LiveFile } from '../sinks/tables/tables-snapshot.js';

/** A file of the snapshot that cannot be read as a table's. */
export interface DamagedFile {
  readonly file: LiveFile;
  readonly path: string;
  /** Ends a sentence that begins with the path: `is a directory`. */
  readonly fault: string;
}

/** Files that a statement is to read. */
export interface JudgedFiles {
  readonly sound: readonly LiveFile[];
  readonly damaged: readonly DamagedFile[];
}

const shortestParquet = 12;
const magic = 'PAR1';

/**
 * Looks at each file before DuckDB opens it.
 * @param root the tables' directory; what leads out of it is damaged
 */
export function judgeFiles(root: string, files: readonly LiveFile[]): JudgedFiles {
  const below = realpathSync(root) + sep;
  const sound: LiveFile[] = [];
  const damaged: DamagedFile[] = [];
  for (const file of files) {
    const fault = faultOfFile(file.readAs, below);
    if (fault === undefined) sound.push(file);
    else damaged.push({ file, path: file.path, fault });
  }
  return { sound, damaged };
}

/** Files that wait for their publication, held open so that they stay readable when they move. */
export class HeldFiles {
  readonly #descriptors: number[] = [];

  /** @returns the file as it is read from now on; undefined where it is gone already */
  hold(file: LiveFile): LiveFile | undefined {
    if (file.readAs === file.path || process.platform !== 'linux') return file;
    try {
      const descriptor = openSync(file.readAs, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      this.#descriptors.push(descriptor);
      return { ...file, readAs: `/proc/self/fd/${descriptor}` };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  release(): void {
    for (const descriptor of this.#descriptors.splice(0)) closeSync(descriptor);
  }
}

/** What keeps a path from being read as a table's file. */
function faultOfFile(path: string, below: string): string | undefined {
  const isHeld = path.startsWith('/proc/');
  let descriptor: number;
  try {
    // Without O_NONBLOCK a named pipe would wait for its writer. A held file is named by a link to it.
    const follow = isHeld ? 0 : constants.O_NOFOLLOW;
    descriptor = openSync(path, constants.O_RDONLY | follow | constants.O_NONBLOCK);
  } catch (error) {
    if (errno(error) === 'ELOOP') return 'is a symbolic link';
    if (errno(error) === 'EACCES' || errno(error) === 'EPERM') return 'may not be read by this user';
    if (isMissing(error) || errno(error) === 'ENOTDIR') return 'is missing';
    throw error;
  }
  try {
    return faultOf(descriptor, path, below);
  } finally {
    closeSync(descriptor);
  }
}

function faultOf(descriptor: number, path: string, below: string): string | undefined {
  const status = fstatSync(descriptor);
  if (status.isDirectory()) return 'is a directory';
  if (!status.isFile()) return 'is no file';
  const real = process.platform === 'linux' ? readlinkSync(`/proc/self/fd/${descriptor}`) : realpathSync(path);
  if (!real.startsWith(below)) return 'lies outside the tables’ directory';
  if (status.size < shortestParquet) return 'is no Parquet file, or is cut off';
  const end = Buffer.alloc(magic.length);
  readSync(descriptor, end, 0, end.length, status.size - end.length);
  return end.toString('latin1') === magic ? undefined : 'is no Parquet file, or is cut off';
}
