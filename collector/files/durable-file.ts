import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CollectorError, errno } from '../errors.js';

/** Only the owner reads what a sink stores: records are personal data. */
export const fileMode = 0o600;
const directoryMode = 0o700;

/** Does work that needs a directory, which is made where it is missing: one that is there costs nothing. */
export async function inDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isMissing(error)) throw error;
    await makeDirectory(directory);
    return work();
  }
}

/**
 * Makes a directory and those above it, and makes their names survive a power failure. One by one: `mkdir` of node:fs with
 * `recursive` never ends where a file system has the directory above and says of a new name that it does not exist.
 */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: directoryMode });
  } catch (error) {
    const above = dirname(directory);
    if (isMissing(error) && above !== directory) {
      await makeDirectory(above);
      await mkdir(directory, { mode: directoryMode }).catch((failed: unknown) => refuseUnlessThere(directory, failed));
    } else return refuseUnlessThere(directory, error);
  }
  await syncDirectory(dirname(directory));
}

/** Throws why a directory cannot be made, unless it is there. */
async function refuseUnlessThere(directory: string, error: unknown): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true) throw error;
}

/**
 * Makes a directory below another one. A link between the two would lead what is written to another place.
 * @param path relative to the root, in `/`
 * @throws CollectorError STORAGE_FAILED for a link, and what node:fs throws
 */
export async function makeDirectoryBelow(root: string, path: string): Promise<void> {
  let at = root;
  let isThere = true;
  for (const name of path.split('/')) {
    at = join(at, name);
    const found = await lstat(at).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    isThere = found?.isDirectory() ?? false;
    if (found === undefined) break;
    if (found.isSymbolicLink())
      throw new CollectorError('STORAGE_FAILED', `${at} is a symbolic link: records would be written elsewhere`, {
        cure: 'Find out who made it, remove the link, and put a directory in its place.',
        transient: true,
      });
  }
  if (!isThere) await makeDirectory(join(root, path));
}

/** Makes names that were added to or removed from a directory survive a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the content of a file that another library wrote survive a power failure, readable by its owner alone. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDWR);
  try {
    await handle.chmod(fileMode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a new file and syncs it. The name itself lasts once its directory is synced. */
export async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', fileMode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** As `writeSynced`, in place of what a crash has left. The caller's lock excludes a concurrent attempt. */
export async function writeAgain(path: string, content: string | Uint8Array): Promise<void> {
  await writeSynced(path, content).catch(async (error: unknown) => {
    if (errno(error) !== 'EEXIST') throw error;
    await rm(path);
    await writeSynced(path, content);
  });
}

/** What file systems without hard links answer. */
export const NO_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * Makes a new file, whole or not at all; without hard links a crash can leave a part of it.
 * @returns false where there is one of that name, whoever makes it at the same time
 */
export async function createFile(path: string, content: string): Promise<boolean> {
  const staged = `${path}.${randomUUID()}`;
  try {
    await writeSynced(staged, content);
    await link(staged, path).catch((error: unknown) => {
      if (!NO_LINKS.has(errno(error))) throw error;
      return writeSynced(path, content);
    });
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(staged, { force: true });
  }
  await syncDirectory(dirname(path));
  return true;
}

/**
 * Replaces a file in one step: a reader, or a start after a crash, finds the old content or the new, never a part.
 * @param beforeRename for tests that stop the process just before the new content takes effect
 */
export async function replaceFile(path: string, content: string, beforeRename?: () => Promise<void>): Promise<void> {
  await replaceUnsynced(path, content, beforeRename);
  await syncDirectory(dirname(path));
}

/** As `replaceFile`, but until the directory is synced a power failure may bring back the old content. */
export async function replaceUnsynced(
  path: string,
  content: string,
  beforeRename?: () => Promise<void>,
): Promise<void> {
  const staged = `${path}.aside`;
  await writeAgain(staged, content);
  await beforeRename?.();
  await rename(staged, path);
}

/** Names in a directory; none where it is missing or no directory. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isMissing(error) || errno(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** True where something of this name is there. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** True for a file or directory that is not there. */
export function isMissing(error: unknown): boolean {
  return errno(error) === 'ENOENT';
}
