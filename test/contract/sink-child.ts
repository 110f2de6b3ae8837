/**
 * A lane in a process of its own that commits sample batches and kills itself at a step, as SIGKILL does.
 * Says `open` on stderr once it holds the lane. Ends with 0 when all batches are committed, with the error's exit code otherwise.
 *
 *     node dist/test/contract/sink-child.js '{"kind": "tables", "directory": …, "batches": 6, "step": "commit:state", "nth": 2}'
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../collector/clock.js';
import { asCollectorError } from '../../collector/errors.js';
import type { Sink } from '../../collector/sinks/sink.js';
import { createStdoutSink } from '../../collector/sinks/stdout/stdout-sink.js';
import { maintainTables } from '../../collector/sinks/tables/maintain-tables.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { batchesOf, sampleBatch } from './sample-batch.js';

export interface SinkOrder {
  readonly kind: 'tables' | 'stdout';
  readonly directory: string;
  /** How many batches the lane is to have at last; undefined: it holds the lane until it is killed. */
  readonly batches?: number;
  /** Where it kills itself: at the nth time that it comes to this step. */
  readonly step?: string;
  readonly nth?: number;
}

/** What each batch of the children holds. */
export const childSizes = { events: 20, letters: 1, raw: 1 };

/** Small enough that a few batches lead to a merge, a checkpoint and files to unlink. */
const childRules = { mostSmall: 3, settledMs: 0, graceMs: 0, versionsPerCheckpoint: 3 };

async function work(order: SinkOrder): Promise<void> {
  let left = order.nth ?? 1;
  const checkpoint = async (step: string) => {
    if (step !== order.step) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const options = { directory: order.directory, feed: 'acme', checkpoint };
  const sink: Sink = order.kind === 'tables' ? createTablesSink(options) : createStdoutSink(options);
  const { directory } = order;
  const limits = { memoryLimit: '96MB', threads: 1 };
  const maintain = async () => {
    if (order.kind === 'tables')
      await maintainTables({ directory, limits, rules: childRules, clock: systemClock, checkpoint });
  };
  const lane = sink.lane('live');
  const committed = await lane.open();
  writeSync(2, 'open\n');
  if (order.batches === undefined) setInterval(() => {}, 60_000);
  for (let index = batchesOf(committed?.cursor); index < (order.batches ?? 0); index++)
    await lane.commit(sampleBatch('live', index, childSizes)).then(maintain);
  if (order.batches !== undefined) await sink.close();
}

const text = process.argv[2];
if (text !== undefined)
  work(JSON.parse(text)).catch((error: unknown) => {
    const { code, message, exitCode } = asCollectorError(error);
    writeSync(2, `${code}: ${message}\n`);
    process.exit(exitCode === 0 ? 1 : exitCode);
  });
