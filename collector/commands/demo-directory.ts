import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CollectorError, storageFailed } from '../errors.js';
import { makeDirectory } from '../files/durable-file.js';

const MARKER = '.jumpcloud-ocsf-demo';

/**
 * Replaces the directory of an earlier demo.
 * @throws CollectorError USAGE for any other directory, STORAGE_FAILED where it cannot be made
 */
export async function recreate(directory: string): Promise<void> {
  const isDemo = existsSync(join(directory, MARKER));
  if (existsSync(directory) && !isDemo) {
    throw new CollectorError('USAGE', `${directory} exists and was not created by a demo.`, {
      cure: 'Name another place with --directory.',
    });
  }
  try {
    if (isDemo) await rm(directory, { recursive: true });
    await makeDirectory(directory);
    await writeFile(
      join(directory, MARKER),
      'Created by `jumpcloud-ocsf demo`, which removes this directory when it runs again.\n',
    );
  } catch (error) {
    throw storageFailed(error, directory);
  }
}
