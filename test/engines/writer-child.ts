/**
 * A lane in a process of its own that commits sample batches until it is killed, or maintains the tables in a loop; it
 * writes a dot for each commit or turn.
 *
 *     node dist/test/engines/writer-child.js '{"directory": …, "feed": "acme", "lane": "live", "first": 0}'
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../collector/clock.js';
import { maintainTables } from '../../collector/sinks/tables/maintain-tables.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { batchesOf, sampleBatch } from '../contract/sample-batch.js';

export interface WriterOrder {
  readonly directory: string;
  readonly feed: string;
  /** Undefined: maintains. */
  readonly lane?: string;
  /** Number of the lane's first batch, so that no two lanes have a uid in common. */
  readonly first?: number;
  /** Ends by itself once the lane has so many batches. */
  readonly until?: number;
}

const limits = { memoryLimit: '96MB', threads: 1 };
/** A removed file stays for readers longer than any of them takes. */
const rules = { mostSmall: 4, settledMs: 500, graceMs: 20_000, versionsPerCheckpoint: 5 };
const sizes = { events: 40, letters: 1, raw: 2 };

const order: WriterOrder = JSON.parse(process.argv[2] ?? '{}');
if (order.lane === undefined) await maintain();
else await write(order.lane);

async function write(lane: string): Promise<void> {
  const { directory, feed, first = 0, until = Number.POSITIVE_INFINITY } = order;
  const sink = createTablesSink({ directory, feed });
  const opened = sink.lane(lane);
  const committed = await opened.open();
  for (let index = batchesOf(committed?.cursor); index < until; index++) {
    const batch = sampleBatch(lane, first + index, sizes);
    const extensions = { ...batch.cursor.extensions, batches: index + 1 };
    await opened.commit({ ...batch, cursor: { ...batch.cursor, feed, extensions } });
    process.stdout.write('.');
    await sleep(20);
  }
  await sink.close();
}

async function maintain(): Promise<void> {
  for (;;) {
    const { failures } = await maintainTables({ directory: order.directory, limits, rules, clock: systemClock });
    for (const failure of failures) process.stderr.write(`${failure}\n`);
    process.stdout.write('.');
    await sleep(200);
  }
}
