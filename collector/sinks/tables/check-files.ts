import { lstat } from 'node:fs/promises';
import { exists, isMissing } from '../../files/durable-file.js';
import { failedFinding } from '../finding.js';
import type { SinkFinding } from '../sink.js';
import { MISSING_CURE } from './append-to-logs.js';
import { tablesFailed } from './error-table.js';
import { readTables } from './tables-snapshot.js';

const MOST_NAMED = 3;

/**
 * Whether the files that the lanes' states and the tables' logs name are there, each as long as it was written. What is in
 * them is for `tables check` to say. No finding where there are no tables yet.
 */
export async function checkFiles(directory: string): Promise<SinkFinding[]> {
  if (!(await exists(directory))) return [];
  try {
    const first = await look(directory);
    // A merge may have replaced files between the reading of the logs and the look: what is wrong is wrong twice.
    const { files, wrong } = first.wrong.length === 0 ? first : await look(directory);
    if (wrong.length > 0) {
      const named = wrong.slice(0, MOST_NAMED).join(', ');
      return [
        {
          part: 'files',
          verdict: 'failed',
          message: `${wrong.length} of ${files} files are not as the tables’ logs say: ${named}${wrong.length > MOST_NAMED ? ', …' : ''}`,
          cure: `See all of it with \`jumpcloud-ocsf tables check\`. ${MISSING_CURE}`,
          code: 'STORAGE_FAILED',
        },
      ];
    }
    return files === 0 ? [] : [{ part: 'files', verdict: 'ok', message: `${files} are as the tables’ logs say` }];
  } catch (error) {
    return [failedFinding(tablesFailed(error, directory), 'files')];
  }
}

async function look(directory: string): Promise<{ files: number; wrong: string[] }> {
  const wrong: string[] = [];
  let files = 0;
  for (const { files: listed } of (await readTables(directory)).values())
    for (const { path, readAs, bytes } of listed) {
      files += 1;
      const fault = await faultOf(readAs, bytes);
      if (fault !== undefined) wrong.push(`${path} ${fault}`);
    }
  return { files, wrong };
}

async function faultOf(path: string, bytes: number): Promise<string | undefined> {
  try {
    const status = await lstat(path);
    if (!status.isFile()) return 'is no file';
    return status.size === bytes ? undefined : `has ${status.size} bytes of ${bytes}`;
  } catch (error) {
    if (isMissing(error)) return 'is missing';
    throw error;
  }
}
