import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CollectorError, storageFailed } from '../errors.js';
import { exists, syncDirectory, syncFile } from '../files/durable-file.js';
import { Engine } from '../sinks/tables/engine.js';
import { copyRows } from '../sinks/tables/merge-files.js';
import { allTables } from '../sinks/tables/table-catalog.js';
import { type LiveFile, readTables } from '../sinks/tables/tables-snapshot.js';
import { typedRows } from '../sinks/tables/views.js';

const limits = { memoryLimit: '192MB', threads: 1 };

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
    const engine = Engine.unshared(limits);
    let bytes = 0;
    try {
      for (const file of files) {
        const copy = join(staged, file.file);
        await mkdir(dirname(copy), { recursive: true, mode: 0o700 });
        await copyWhole(engine, file, copy);
        await syncFile(copy);
        bytes += (await stat(copy)).size;
      }
    } finally {
      await engine.close();
    }
    await rename(staged, target);
    await syncDirectory(dirname(target));
    const rows = files.reduce((total, file) => total + file.rows, 0);
    return { tables: content.size, files: files.length, rows, bytes };
  } catch (error) {
    throw storageFailed(error, dirname(target));
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

/** A merged file lacks what is NULL in all its rows; who reads without a log takes one file's columns for those of all. */
async function copyWhole(engine: Engine, file: LiveFile, copy: string): Promise<void> {
  const table = allTables.find(({ name }) => name === file.table);
  if (file.partOf === undefined || table === undefined) return copyFile(file.readAs, copy);
  await copyRows(engine, typedRows(table, [file]), copy);
}
