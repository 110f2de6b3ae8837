/**
 * A reader in a process of its own: counts the events in a loop while a collector writes and is killed.
 * Ends on SIGTERM with 0; with 1 at the first error or count that falls.
 *
 *     node dist/test/faults/reader-child.js <tables directory>
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openTables } from '../../collector/query/open-tables.js';

const directory = process.argv[2] ?? '';
let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});

let before = 0n;
let reads = 0;
while (!stopping) {
  const tables = await openTables(directory);
  try {
    const answer = await tables.query('SELECT count(*) FROM events');
    for await (const [count] of answer.rows) {
      if ((count as bigint) < before) throw new Error(`the count fell from ${before} to ${count}`);
      before = count as bigint;
    }
    reads += 1;
  } finally {
    await tables.close();
  }
  await sleep(100);
}
if (reads === 0) throw new Error('the reader never read');
process.stdout.write(`${JSON.stringify({ reads, count: Number(before) })}\n`);
