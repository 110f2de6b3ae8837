import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTablesSink } from '../../../collector/sinks/tables/tables-sink.js';
import { holdLane, runChild } from '../../contract/run-child.js';
import { batchesOf, sampleUid } from '../../contract/sample-batch.js';
import { childSizes } from '../../contract/sink-child.js';
import { readDelivered } from './read-tables.js';

const batches = 5;

describe('F-1: a lane of tables killed with SIGKILL', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-killed-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const uids = (count: number) =>
    Array.from({ length: count * childSizes.events }, (_, number) => sampleUid('event', number)).sort();

  /** What readers see must be whole batches, each record once, whatever the killed process left. */
  async function expectWholeBatches(atLeast: number): Promise<number> {
    const delivered = await readDelivered(directory);
    const count = delivered.deadLetters.length;
    expect(count).toBeGreaterThanOrEqual(atLeast);
    expect(delivered.events.toSorted()).toEqual(uids(count));
    expect(delivered.raw).toHaveLength(count);
    return count;
  }

  it.each<[step: string, nth: number]>([
    ['commit:begin', 3],
    ['commit:file', 7],
    ['commit:seen', 3],
    ['commit:state', 3],
    ['commit:point', 3],
    ['commit:shown', 7],
    ['commit:done', 3],
    ['commit:logged', 7],
    ['commit:logged', 8],
    ['maintain:published', 1],
    ['maintain:merged', 1],
    ['maintain:checkpoint', 1],
    ['maintain:unlinked', 4],
    ['maintain:published', 2],
    ['maintain:merged', 3],
    ['maintain:unlinked', 9],
  ])('at %s (%i) has delivered each record once, before and after it is started again', async (step, nth) => {
    expect(await runChild({ kind: 'tables', directory, batches, step, nth })).toMatchObject({ signal: 'SIGKILL' });
    const before = await expectWholeBatches(2);
    expect(await runChild({ kind: 'tables', directory, batches })).toMatchObject({ code: 0 });
    expect(await expectWholeBatches(before)).toBe(batches);
    const sink = createTablesSink({ directory, feed: 'acme' });
    expect(batchesOf((await sink.lane('live').open())?.cursor)).toBe(batches);
    await sink.close();
    expect(await readdir(join(directory, '.state', 'acme', 'live.aside'))).toEqual([]);
  });

  it('again and again while it recovers, still has delivered each record once', async () => {
    await runChild({ kind: 'tables', directory, batches, step: 'commit:point', nth: 3 });
    for (const [step, nth] of [
      ['open:shown', 1],
      ['open:state', 1],
      ['open:logged', 1],
    ] as const) {
      expect(await runChild({ kind: 'tables', directory, batches, step, nth })).toMatchObject({ signal: 'SIGKILL' });
      expect(await expectWholeBatches(3)).toBe(3);
    }
    await runChild({ kind: 'tables', directory, batches });
    expect(await expectWholeBatches(3)).toBe(batches);
  });

  it('frees the lane at once, which no other process could take before', async () => {
    const holder = await holdLane('tables', directory);
    const refused = await runChild({ kind: 'tables', directory, batches: 1 });
    expect(refused).toMatchObject({ code: 73, stderr: expect.stringContaining(`LANE_IN_USE`) });
    expect(refused.stderr).toContain(String(holder.pid));
    holder.kill('SIGKILL');
    await once(holder, 'close');
    expect(await runChild({ kind: 'tables', directory, batches: 1 })).toMatchObject({ code: 0 });
  });

  it('lets just one of several processes take the lane that start at the same moment', async () => {
    const ends = await Promise.all(Array.from({ length: 4 }, () => runChild({ kind: 'tables', directory, batches })));
    expect(ends.filter(({ code }) => code === 0).length).toBeGreaterThanOrEqual(1);
    expect(ends.every(({ code }) => code === 0 || code === 73)).toBe(true);
    expect(await expectWholeBatches(batches)).toBe(batches);
  });
});
