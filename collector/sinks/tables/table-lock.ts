import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CollectorError } from '../../errors.js';
import { makeDirectory } from '../../files/durable-file.js';
import { tableStateDirectory } from './layout.js';
import { takeLock } from './lock-file.js';

const PATIENCE_MS = 60_000;

/**
 * Takes the lock of a table: whoever holds it decides what is merged, expires or is rewritten. Appending needs none.
 * @returns what frees it
 * @throws CollectorError LANE_IN_USE
 */
export async function lockTable(directory: string, table: string): Promise<() => Promise<void>> {
  const state = tableStateDirectory(directory, table);
  await makeDirectory(state);
  return takeLock(join(state, 'held'), `of table ${table}`);
}

/**
 * Takes the locks of several tables, in their order, waiting for merges to end.
 * @returns what frees them
 * @throws CollectorError LANE_IN_USE where one is held for a minute
 */
export async function lockTables(directory: string, tables: readonly string[]): Promise<() => Promise<void>> {
  const held: (() => Promise<void>)[] = [];
  const unlock = async () => {
    const ended = await Promise.allSettled(held.splice(0).map((free) => free()));
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  try {
    for (const table of [...tables].sort()) held.push(await patiently(() => lockTable(directory, table)));
    return unlock;
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function patiently<T>(take: () => Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;)
    try {
      return await take();
    } catch (error) {
      if (!(error instanceof CollectorError) || error.code !== 'LANE_IN_USE' || performance.now() > end) throw error;
      await sleep(50);
    }
}
