import { readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  exists,
  isMissing,
  makeDirectory,
  makeDirectoryBelow,
  namesIn,
  syncDirectory,
} from '../../files/durable-file.js';
import { fileOfStaged, sequenceOf, stagedName } from './layout.js';

/** Files of one lane, or of one table's merges: staged, then published. All names are relative to the tables' directory. */
export class LaneFiles {
  constructor(
    private readonly directory: string,
    /** Where files wait for their commit; on the same file system. */
    private readonly stagingDirectory: string,
  ) {}

  /** Where a file waits until it is committed. */
  staged(file: string): string {
    return join(this.stagingDirectory, stagedName(file));
  }

  published(file: string): string {
    return join(this.directory, file);
  }

  /** Makes the place for files that wait, empty. */
  async clearStaged(): Promise<void> {
    await makeDirectory(this.stagingDirectory);
    for (const name of await readdir(this.stagingDirectory))
      await rm(join(this.stagingDirectory, name), { recursive: true, force: true });
  }

  /** Files that wait, whether or not they were committed. */
  async listStaged(): Promise<string[]> {
    const names = await namesIn(this.stagingDirectory);
    return names.map(fileOfStaged).filter((file) => file !== undefined);
  }

  /** Makes the names of waiting files last. */
  async syncStaged(): Promise<void> {
    await syncDirectory(this.stagingDirectory);
  }

  /**
   * Renames committed files into view; what is there already stays.
   * @returns files found neither staged nor published
   */
  async publish(files: readonly string[], each: () => Promise<void> = async () => {}): Promise<string[]> {
    const lost: string[] = [];
    const directories = new Set<string>();
    for (const file of files) {
      if (!(await this.#publishOne(file))) lost.push(file);
      directories.add(dirname(this.published(file)));
      await each();
    }
    for (const directory of directories)
      await syncDirectory(directory).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    return lost;
  }

  /** Published files whose names begin so, with the number of the commit that wrote each. */
  async list(prefix: string): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const table of await namesIn(this.directory)) {
      if (table.startsWith('.')) continue;
      for (const day of await namesIn(join(this.directory, table)))
        for (const name of await namesIn(join(this.directory, table, day))) {
          const sequence = sequenceOf(prefix, name);
          if (sequence !== undefined) found.set(`${table}/${day}/${name}`, sequence);
        }
    }
    return found;
  }

  async #publishOne(file: string): Promise<boolean> {
    const to = this.published(file);
    for (;;) {
      await makeDirectoryBelow(this.directory, dirname(file));
      if (await renameIfThere(this.staged(file), to)) return true;
      // Another lane may have removed the day's directory, empty until now, since it was made.
      if (await exists(dirname(to))) return exists(to);
    }
  }
}

/** False where there was nothing to rename, or nowhere to. */
async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
