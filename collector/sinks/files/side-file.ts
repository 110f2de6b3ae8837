import { open, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileMode, isMissing, syncDirectory } from '../../files/durable-file.js';

/** A file of JSON lines next to a lane's state, which says how much of it counts. */
export class SideFile {
  constructor(private readonly path: string) {}

  /** Appends one JSON value per line, durably, and returns the file's bytes. */
  async append(values: readonly unknown[]): Promise<number> {
    const handle = await open(this.path, 'a', fileMode);
    try {
      for (const value of values) await handle.appendFile(`${JSON.stringify(value)}\n`);
      await handle.sync();
      await syncDirectory(dirname(this.path));
      return (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  }

  /** Cuts off what a commit appended that did not reach its commit point. */
  async cutTo(bytes: number): Promise<void> {
    try {
      if ((await stat(this.path)).size > bytes) await truncate(this.path, bytes);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}
