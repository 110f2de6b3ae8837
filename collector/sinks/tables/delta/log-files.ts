import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errno } from '../../../errors.js';
import { exists, inDirectory, isMissing, NO_LINKS, syncDirectory, writeSynced } from '../../../files/durable-file.js';

const VERSION_FILE = /^(\d{20})\.json$/;
const CHECKPOINT_FILE = /^(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet$/;
/** Names that begin so are no part of a log. */
const TEMPORARY = '.tmp-';
/** A temporary file of this age is of a process that died. */
const TEMPORARY_MS = 60 * 60_000;

/** What lies in a `_delta_log`. */
export interface LogListing {
  /** Versions with a file of their own, ascending. */
  readonly versions: readonly number[];
  /** Complete checkpoints, ascending, with the paths of their parts. */
  readonly checkpoints: readonly { readonly version: number; readonly paths: readonly string[] }[];
}

/** The files of one table's log. */
export class LogFiles {
  /** @param directory the table's `_delta_log` */
  constructor(readonly directory: string) {}

  /** Undefined where there is no log. */
  async list(): Promise<LogListing | undefined> {
    let names: string[];
    try {
      names = await readdir(this.directory);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    const versions: number[] = [];
    const parts = new Map<number, { paths: string[]; of: number }>();
    for (const name of names.sort()) {
      const version = VERSION_FILE.exec(name)?.[1];
      if (version !== undefined) versions.push(Number(version));
      const [, ofCheckpoint, , count = '1'] = CHECKPOINT_FILE.exec(name) ?? [];
      if (ofCheckpoint === undefined) continue;
      const checkpoint = parts.get(Number(ofCheckpoint)) ?? { paths: [], of: Number(count) };
      checkpoint.paths.push(join(this.directory, name));
      parts.set(Number(ofCheckpoint), checkpoint);
    }
    const whole = [...parts].filter(([, { paths, of }]) => paths.length === of);
    return { versions, checkpoints: whole.map(([version, { paths }]) => ({ version, paths })) };
  }

  /** The text of a version; undefined where it is not there. */
  async read(version: number): Promise<string | undefined> {
    try {
      return await readFile(this.pathOf(version), 'utf8');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Whether a version is the newest, without a listing: it is there, and the one after it is not. */
  async hasNothingAfter(version: number): Promise<boolean> {
    return !(await exists(this.pathOf(version + 1))) && (await exists(this.pathOf(version)));
  }

  /** Tells a log apart from one that took its place under the same path; undefined where there is none. */
  async identity(): Promise<string | undefined> {
    try {
      const { dev, ino, birthtimeMs } = await stat(this.directory);
      return `${dev}:${ino}:${birthtimeMs}`;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /**
   * Makes a version, whole or not at all: a synced file gets the version's name, which no other may have.
   * @param exclusively runs its argument while no other process makes a version; only asked where the file system has no
   *   hard links, where a name is not taken exclusively otherwise
   * @returns false where another writer has made this version
   */
  async put(version: number, text: string, exclusively: <T>(work: () => Promise<T>) => Promise<T>): Promise<boolean> {
    const temporary = this.temporaryPath();
    try {
      await inDirectory(this.directory, () => writeSynced(temporary, text));
      const made = await this.#name(temporary, version, exclusively);
      if (made) await syncDirectory(this.directory);
      return made;
    } finally {
      await unlink(temporary).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    }
  }

  /** Puts a checkpoint in place that was written under a temporary name, and points to it: a hint for readers. */
  async putCheckpoint(temporary: string, version: number, actions: number): Promise<void> {
    await rename(temporary, join(this.directory, `${digits(version)}.checkpoint.parquet`));
    await syncDirectory(this.directory);
    const pointer = this.temporaryPath();
    await writeSynced(pointer, JSON.stringify({ version, size: actions }));
    await rename(pointer, join(this.directory, '_last_checkpoint'));
    await syncDirectory(this.directory);
  }

  /** A path for a file on its way into the log. */
  temporaryPath(): string {
    return join(this.directory, TEMPORARY + randomUUID());
  }

  /** Removes versions and checkpoints before `version`, and what processes that died left. */
  async removeBefore(version: number, now: number): Promise<void> {
    // In the order of the versions: one that is there has all its later ones (`hasNothingAfter`).
    for (const name of (await readdir(this.directory)).sort()) {
      const path = join(this.directory, name);
      const [, found] = VERSION_FILE.exec(name) ?? CHECKPOINT_FILE.exec(name) ?? [];
      if (found !== undefined && Number(found) < version) await rm(path, { force: true });
      if (name.startsWith(TEMPORARY) && (await isOlder(path, now - TEMPORARY_MS))) await rm(path, { force: true });
    }
  }

  /** When a version was made, epoch milliseconds; undefined where its file is gone. */
  async madeAt(version: number): Promise<number | undefined> {
    try {
      return (await stat(this.pathOf(version))).mtimeMs;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  pathOf(version: number): string {
    return join(this.directory, `${digits(version)}.json`);
  }

  async #name(
    temporary: string,
    version: number,
    exclusively: <T>(work: () => Promise<T>) => Promise<T>,
  ): Promise<boolean> {
    const path = this.pathOf(version);
    try {
      await link(temporary, path);
      return true;
    } catch (error) {
      if (errno(error) === 'EEXIST') return false;
      if (!NO_LINKS.has(errno(error))) throw error;
    }
    return exclusively(async () => {
      if (await exists(path)) return false;
      await rename(temporary, path);
      return true;
    });
  }
}

function digits(version: number): string {
  return String(version).padStart(20, '0');
}

async function isOlder(path: string, than: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs < than;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
