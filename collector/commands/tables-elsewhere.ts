import { resolve } from 'node:path';
import { CollectorError, exitCodes } from '../errors.js';
import { put } from '../files/put.js';
import { type DdlEngine, type DdlTable, tablesDdl } from '../query/ddl.js';
import { exportTables } from '../query/export-tables.js';
import { readTables } from '../sinks/tables/tables-snapshot.js';
import { writeJson, writeText } from './output.js';

interface Where {
  readonly tablesDirectory?: string | undefined;
}

/** `tables ddl`: the statements of another engine on stdout. */
export async function printDdl(
  flags: Where & { readonly engine: DdlEngine; readonly location?: string | undefined; readonly files: boolean },
): Promise<number> {
  if (flags.files && flags.engine !== 'duckdb')
    throw new CollectorError('USAGE', `--files is not for ${flags.engine}.`, {
      cure: 'It reads the log; leave out --files.',
    });
  const directory = directoryOf(flags);
  const tables: DdlTable[] = [];
  for (const { table, fields, files } of (await readTables(directory)).values())
    if (fields !== undefined)
      tables.push({ name: table, fields, files: flags.files ? files.map(({ path }) => path) : [] });
  if (tables.length === 0)
    throw new CollectorError('STORAGE_FAILED', `There are no tables in ${directory}.`, {
      cure: 'Name the directory into which the collector writes (tables.directory), or collect first.',
    });
  await put(process.stdout, tablesDdl(flags.engine, tables, flags.location ?? directory));
  return exitCodes.done;
}

/** `tables export`: says on stdout what was copied. */
export async function copyTables(flags: Where & { readonly to: string; readonly json: boolean }): Promise<number> {
  const exported = await exportTables(directoryOf(flags), flags.to);
  const { tables, files, rows, bytes } = exported;
  if (flags.json) writeJson(process.stdout, { version: 1, ...exported });
  else writeText(process.stdout, `Copied ${rows} rows of ${tables} tables in ${files} files, ${bytes} bytes.\n`);
  return exitCodes.done;
}

function directoryOf({ tablesDirectory }: Where): string {
  return resolve(tablesDirectory ?? process.env.TABLES_DIRECTORY ?? './data/tables');
}
