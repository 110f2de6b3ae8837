import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs';
import { sep } from 'node:path';
import { errno, isMissing } from '../files/durable-file.js';
import type { LiveFile } from '../sinks/tables/live-files.js';

/** A file of the snapshot, and the name under which DuckDB reads it. */
export interface SnapshotFile {
  readonly file: LiveFile;
  /** `/proc/self/fd/N` while it is held open, else its path. */
  readonly readAs: string;
}

/** A file of the snapshot that cannot be read as a table's. */
export interface DamagedFile {
  readonly file: LiveFile;
  readonly path: string;
  /** Ends a sentence that begins with the path: `is a directory`. */
  readonly fault: string;
}

/** The files of one moment. */
export interface Snapshot {
  readonly files: readonly SnapshotFile[];
  readonly damaged: readonly DamagedFile[];
  /** Closes what is held open. */
  release(): void;
}

/** Above this many files each is opened when it is read, so that the limit of open files is not met. */
const mostHeld = 4096;
const shortestParquet = 12;
const magic = 'PAR1';

/**
 * Opens every file, so that it stays readable when it is renamed or unlinked.
 * @param root the tables' directory; what leads out of it is damaged
 * @param lastAttempt a file that is gone is damaged, rather than a reason to list the files again
 * @returns undefined where a file is gone already
 */
export function holdFiles(root: string, files: readonly LiveFile[], lastAttempt: boolean): Snapshot | undefined {
  const holds = process.platform === 'linux' && files.length <= mostHeld;
  try {
    return openEach(root, files, lastAttempt, holds ? 'descriptors' : 'paths');
  } catch (error) {
    if (!holds || errno(error) !== 'EMFILE') throw error;
    // Judged all the same, one after the other.
    return openEach(root, files, lastAttempt, 'paths');
  }
}

function openEach(
  root: string,
  files: readonly LiveFile[],
  lastAttempt: boolean,
  names: 'descriptors' | 'paths',
): Snapshot | undefined {
  const held: { descriptor: number; entry: SnapshotFile }[] = [];
  const damaged: DamagedFile[] = [];
  const release = () => {
    for (const { descriptor } of held.splice(0)) closeSync(descriptor);
  };
  const below = realpathSync(root) + sep;
  const entries: SnapshotFile[] = [];
  try {
    for (const file of files) {
      const opened = open(file, below);
      if (opened === 'gone' && !lastAttempt) {
        release();
        return undefined;
      }
      if (opened === 'gone') damaged.push({ file, path: file.paths[0] ?? '', fault: 'is missing' });
      else if ('fault' in opened) damaged.push({ file, ...opened });
      else if (names === 'paths') {
        closeSync(opened.descriptor);
        entries.push({ file, readAs: opened.path });
      } else {
        const entry = { file, readAs: `/proc/self/fd/${opened.descriptor}` };
        held.push({ descriptor: opened.descriptor, entry });
        entries.push(entry);
      }
    }
    return { files: entries, damaged, release };
  } catch (error) {
    release();
    throw error;
  }
}

function open(
  { paths }: LiveFile,
  below: string,
): 'gone' | { descriptor: number; path: string } | { path: string; fault: string } {
  for (const path of paths)
    try {
      // Without O_NONBLOCK a named pipe would wait for its writer.
      const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const fault = faultOf(descriptor, path, below);
      if (fault === undefined) return { descriptor, path };
      closeSync(descriptor);
      return { path, fault };
    } catch (error) {
      if (errno(error) === 'ELOOP') return { path, fault: 'is a symbolic link' };
      if (errno(error) === 'EACCES' || errno(error) === 'EPERM') return { path, fault: 'may not be read by this user' };
      if (!isMissing(error)) throw error;
    }
  return 'gone';
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
