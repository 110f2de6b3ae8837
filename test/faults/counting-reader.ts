import { setTimeout as sleep } from 'node:timers/promises';
import { openTables } from '../../collector/query/open-tables.js';

/**
 * Counts the events of a directory in a loop, while a collector in another process writes there and is killed.
 * @returns what ends the loop after one more count; it rejects with the first error, or where a count fell
 */
export function startReader(directory: string): () => Promise<void> {
  const stopped = new AbortController();
  const reading = (async () => {
    let before = 0n;
    let isLast: boolean;
    do {
      isLast = stopped.signal.aborted;
      const from = performance.now();
      const tables = await openTables(directory);
      try {
        for await (const [count] of (await tables.query('SELECT count(*) FROM events')).rows) {
          if ((count as bigint) < before) throw new Error(`the count fell from ${before} to ${count}`);
          before = count as bigint;
        }
      } finally {
        await tables.close();
      }
      // It takes a third of the time, however busy the machine is: the rest is for what it looks at.
      await sleep(2 * (performance.now() - from), undefined, { signal: stopped.signal }).catch(() => undefined);
    } while (!isLast);
  })();
  // Its end is asked for later.
  reading.catch(() => undefined);
  return async () => {
    stopped.abort();
    await reading;
  };
}
