import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CollectorError } from '../../errors.js';
import { isMissing, makeDirectory, namesIn } from '../../files/durable-file.js';
import { tableStagingDirectory, tableStateDirectory } from './layout.js';
import { takeLock } from './lock-file.js';

/** A merge writes something within seconds; a vacuum takes less. */
const PATIENCE_MS = 10 * 60_000;
const MOST_PAUSE_MS = 1000;

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

/** What waiting for a table's lock needs of the program around it. */
export interface LockWait {
  /** Called once for a table that is waited for. */
  readonly notice: (message: string) => void;
  /** How long its holder may show no progress. */
  readonly patienceMs?: number;
}

/**
 * Takes the lock of a table as soon as it is free, for as long as its holder makes progress: a merge writes files.
 * @returns what frees it
 * @throws CollectorError LANE_IN_USE where its holder shows none for ten minutes
 */
export async function awaitTable(
  directory: string,
  table: string,
  { notice, patienceMs = PATIENCE_MS }: LockWait,
): Promise<() => Promise<void>> {
  let seen: string | undefined;
  let movedAt = performance.now();
  for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS)) {
    let holder: string;
    try {
      return await lockTable(directory, table);
    } catch (error) {
      if (!(error instanceof CollectorError) || error.code !== 'LANE_IN_USE') throw error;
      holder = error.detail ?? 'another process';
    }
    if (seen === undefined) notice(`Waiting for table ${table}, which ${holder} merges, vacuums or rewrites.`);
    const present = await progressOf(directory, table);
    if (present !== seen) movedAt = performance.now();
    else if (performance.now() - movedAt > patienceMs) throw stuck(table, holder, patienceMs);
    seen = present;
    await sleep(pauseMs);
  }
}

/** Takes the locks of several tables, in their order, as `awaitTable` does. */
export async function awaitTables(
  directory: string,
  tables: readonly string[],
  wait: LockWait,
): Promise<() => Promise<void>> {
  const held: (() => Promise<void>)[] = [];
  const unlock = async () => {
    const ended = await Promise.allSettled(held.splice(0).map((free) => free()));
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  try {
    for (const table of [...tables].sort()) held.push(await awaitTable(directory, table, wait));
    return unlock;
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Differs from one moment to another where the holder of a table's lock has written to a file of its own in between. */
async function progressOf(directory: string, table: string): Promise<string> {
  const place = tableStagingDirectory(directory, table);
  const files = await Promise.all((await namesIn(place)).map(async (name) => [name, await sizeOf(join(place, name))]));
  return JSON.stringify(files.sort());
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function stuck(table: string, holder: string, patienceMs: number): CollectorError {
  return new CollectorError(
    'LANE_IN_USE',
    `Table ${table} is locked by ${holder}, which has merged nothing for ${Math.round(patienceMs / 60_000)} minutes.`,
    {
      cure: `See what ${holder} does: a remap of many days takes longer, or waits for its answer. Whatever it is may be ended at any moment, which frees the lock and loses nothing; then repeat the command.`,
      detail: holder,
    },
  );
}
