import { stat } from 'node:fs/promises';
import { isMissing } from '../../files/durable-file.js';
import { quoteFile } from './columns.js';
import type { Engine } from './engine.js';
import type { LiveFile } from './tables-snapshot.js';

/** The fault of a file that is not there. */
export const MISSING = 'is missing';

/**
 * How a file differs from what its log says of it: missing, of another length, unreadable, or with other rows; undefined
 * where it does not. Reads its footer and no row. Ends a sentence that begins with the path.
 */
export async function faultOfFile(engine: Engine, { readAs, bytes, rows }: LiveFile): Promise<string | undefined> {
  try {
    const { size } = await stat(readAs);
    if (size !== bytes) return `has ${size} bytes of ${bytes}`;
  } catch (error) {
    if (isMissing(error)) return MISSING;
    throw error;
  }
  try {
    const found = Number(
      (await engine.rows(`SELECT num_rows FROM parquet_file_metadata(${quoteFile(readAs)})`))[0]?.[0],
    );
    return found === rows ? undefined : `holds ${found} rows, its log says ${rows}`;
  } catch (error) {
    return `is damaged (${firstLine(error)})`;
  }
}

/** What to do about a file that differs. */
export const RESTORE =
  'Restore the tables’ directory with its .state from one backup; `query --skip-damaged` answers without it.';

/** The first line of an error's message. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}
