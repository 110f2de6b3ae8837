import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CollectorError } from '../errors.js';
import { exists, storageFailed, syncDirectory, syncFile } from '../files/durable-file.js';
import { readTables } from '../sinks/tables/tables-snapshot.js';

export interface Exported {
  readonly tables: number;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Copies one snapshot as plain Parquet: `<to>/<table>/event_day=…/….parquet`, each committed row once, without a log, for
 * engines that read none. The folder appears when it is whole.
 * @param to must not exist
 * @throws CollectorError USAGE, STORAGE_FAILED
 */
export async function exportTables(directory: string, to: string): Promise<Exported> {
  const target = resolve(to);
  const root = resolve(directory);
  if (!(await exists(root)))
    throw new CollectorError('STORAGE_FAILED', `There are no tables in ${root}.`, {
      cure: 'Name the directory into which the collector writes (tables.directory), or collect first.',
      detail: 'ENOENT',
    });
  if (await exists(target))
    throw new CollectorError('USAGE', `${target} exists.`, { cure: 'Name a folder that does not, or remove it.' });
  if (target.startsWith(`${root}/`))
    throw new CollectorError('USAGE', `${target} lies within the tables.`, { cure: 'Name a folder elsewhere.' });
  const staged = join(dirname(target), `.${randomUUID()}.partial`);
  try {
    const content = await readTables(root);
    const files = [...content.values()].flatMap((table) => table.files);
    await mkdir(staged, { mode: 0o700 });
    for (const { file, readAs } of files) {
      const copy = join(staged, file);
      await mkdir(dirname(copy), { recursive: true, mode: 0o700 });
      await copyFile(readAs, copy);
      await syncFile(copy);
    }
    await rename(staged, target);
    await syncDirectory(dirname(target));
    const sum = (of: 'rows' | 'bytes') => files.reduce((total, file) => total + file[of], 0);
    return { tables: content.size, files: files.length, rows: sum('rows'), bytes: sum('bytes') };
  } catch (error) {
    throw storageFailed(error, dirname(target));
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}
