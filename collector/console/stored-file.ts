import { readFile } from 'node:fs/promises';
import type { JsonValue } from '../../mappings/json.js';
import { CollectorError } from '../errors.js';
import { isMissing } from '../files/durable-file.js';

/**
 * Reads a JSON file of the console's own; undefined: there is none.
 * @param isSound whether it can be used
 * @throws CollectorError STORAGE_FAILED, which names the file
 */
export async function readStored<T>(path: string, isSound: (value: JsonValue) => boolean): Promise<T | undefined> {
  let fault: unknown;
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as JsonValue;
    if (isSound(value)) return value as T;
  } catch (error) {
    if (isMissing(error)) return undefined;
    fault = error;
  }
  const isDamaged = fault === undefined || fault instanceof SyntaxError;
  throw new CollectorError('STORAGE_FAILED', `${path} ${isDamaged ? 'is damaged' : 'cannot be read'}.`, {
    cure: isDamaged
      ? 'Put the file back from a backup, or remove it: what it holds is then gone, and can be made again.'
      : 'Give the collector’s user read access to console.directory, or put the file back from a backup.',
    cause: fault,
  });
}
