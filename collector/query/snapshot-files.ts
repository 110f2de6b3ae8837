import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { errno } from '../errors.js';
import { isMissing } from '../files/durable-file.js';
import type { LiveFile, TableContent, TablesContent } from '../sinks/tables/tables-snapshot.js';

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
 * @param roots the tables' directory and where waiting files were copied; what leads out of these is damaged
 */
export function judgeFiles(roots: readonly string[], files: readonly LiveFile[]): JudgedFiles {
  const below = roots.map((root) => realpathSync(root) + sep);
  const sound: LiveFile[] = [];
  const damaged: DamagedFile[] = [];
  for (const file of files) {
    const fault = faultOfFile(file.readAs, below);
    if (fault === undefined) sound.push(file);
    else damaged.push({ file, path: file.path, fault });
  }
  return { sound, damaged };
}

/**
 * The same tables, with copies of the files that wait for their publication: they may move at any moment, and are as small
 * as one commit.
 * @param directory where the copies go
 * @returns undefined where one has moved already
 */
export async function copyWaiting(content: TablesContent, directory: string): Promise<TablesContent | undefined> {
  const tables = new Map<string, TableContent>();
  let copies = 0;
  for (const [name, table] of content) {
    const files: LiveFile[] = [];
    for (const file of table.files) {
      if (file.readAs === file.path) {
        files.push(file);
        continue;
      }
      const copy = join(directory, `${copies++}.parquet`);
      try {
        await copyFile(file.readAs, copy);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
      files.push({ ...file, readAs: copy });
    }
    tables.set(name, { ...table, files });
  }
  return tables;
}

/** What keeps a path from being read as a table's file. */
function faultOfFile(path: string, below: readonly string[]): string | undefined {
  let descriptor: number;
  try {
    // Without O_NONBLOCK a named pipe would wait for its writer.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
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

function faultOf(descriptor: number, path: string, below: readonly string[]): string | undefined {
  const status = fstatSync(descriptor);
  if (status.isDirectory()) return 'is a directory';
  if (!status.isFile()) return 'is no file';
  const real = process.platform === 'linux' ? readlinkSync(`/proc/self/fd/${descriptor}`) : realpathSync(path);
  if (!below.some((root) => real.startsWith(root))) return 'lies outside the tables’ directory';
  if (status.size < shortestParquet) return 'is no Parquet file, or is cut off';
  const end = Buffer.alloc(magic.length);
  readSync(descriptor, end, 0, end.length, status.size - end.length);
  return end.toString('latin1') === magic ? undefined : 'is no Parquet file, or is cut off';
}
