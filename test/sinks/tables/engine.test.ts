import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Sink } from '../../../collector/sinks/sink.js';
import { collectorLimits, Engine } from '../../../collector/sinks/tables/engine.js';
import { loadDuckDB } from '../../../collector/sinks/tables/load-duckdb.js';
import { lockedSpill } from '../../../collector/sinks/tables/spill-directory.js';
import { createTablesSink } from '../../../collector/sinks/tables/tables-sink.js';
import { runChild } from '../../contract/run-child.js';
import { sampleBatch, sampleEvent } from '../../contract/sample-batch.js';
import { readDelivered, rowsOf } from './read-tables.js';

describe('The lanes of one process', () => {
  let directory: string;
  const sinks: Sink[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'engine-'));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const sink of sinks.splice(0)) await sink.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function openLane(feed: string, memoryLimit = collectorLimits.memoryLimit) {
    const sink = createTablesSink({ directory, feed, memoryLimit });
    sinks.push(sink);
    const lane = sink.lane('live');
    await lane.open();
    return lane;
  }
  const feeds = (count: number) => Array.from({ length: count }, (_, number) => `feed-${number}`);
  const sizes = { events: 3, letters: 1, raw: 1 };

  it('share one DuckDB that writes and one that holds their locks, however many they are', async () => {
    const opened = vi.spyOn(loadDuckDB().DuckDBInstance, 'create');
    for (const feed of feeds(5)) await (await openLane(feed)).commit(sampleBatch('live', 0, sizes));
    expect(opened.mock.calls.length).toBeLessThanOrEqual(2);
    for (const sink of sinks.splice(0)) await sink.close();
    await (await openLane('feed-0')).commit(sampleBatch('live', 1, sizes));
    expect(opened.mock.calls.length).toBeLessThanOrEqual(3);
  });

  it('keep their locks, which another process sees, while others are closed, and free them with their own', async () => {
    const [acme, other] = [await openLane('acme'), await openLane('other')];
    await acme.commit(sampleBatch('live', 0, sizes));
    await other.commit(sampleBatch('live', 0, sizes));
    await other.close();
    const tried = await runChild({ kind: 'tables', directory, batches: 2 });
    expect(tried).toMatchObject({ code: 73, stderr: expect.stringContaining(`process ${process.pid}`) });
    await expect(openLane('acme')).rejects.toMatchObject({ code: 'LANE_IN_USE' });
    expect(await runChild({ kind: 'tables', directory, batches: 2 })).toMatchObject({ code: 73 });
    await openLane('other');
    await acme.close();
    expect(await runChild({ kind: 'tables', directory, batches: 2 })).toMatchObject({ code: 0 });
  });

  it('that together want more memory than there is commit one after the other: none gives up a row that it can write alone', async () => {
    const [lanes, size] = [await Promise.all(feeds(6).map((feed) => openLane(feed, '64MB'))), 3 * 1024 * 1024];
    await Promise.all(
      lanes.map((lane, number) => {
        const { text, ...event } = sampleEvent(number);
        const long = text.replace('"message":"', `"message":"${'x'.repeat(size)}`);
        const batch = sampleBatch('live', 0, { events: 0, letters: 0, raw: 0 });
        return lane.commit({ ...batch, events: [{ ...event, text: long }] });
      }),
    );
    expect(await rowsOf(directory, 'SELECT count(*), max(length(message)) > 1000000 FROM events')).toEqual([
      [6n, true],
    ]);
  });

  it('whose memory is spent fail for now, and deliver once as soon as there is some', async () => {
    const lane = await openLane('acme');
    const spender = Engine.of(directory, collectorLimits);
    await spender.run(`SET memory_limit = '1MB'`);
    await expect(lane.commit(sampleBatch('live', 0, sizes))).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      transient: true,
    });
    await spender.run(`SET memory_limit = '96MB'`);
    await spender.close();
    await lane.close();
    await lane.open();
    await lane.commit(sampleBatch('live', 0, sizes));
    expect((await readDelivered(directory)).events).toHaveLength(sizes.events);
  });

  it('go on with another DuckDB where a defect has broken theirs, and keep their locks', async () => {
    const [lane, other] = [await openLane('acme'), await openLane('other')];
    await lane.commit(sampleBatch('live', 0, sizes));
    const opened = vi.spyOn(loadDuckDB().DuckDBInstance, 'create');
    vi.spyOn(loadDuckDB().DuckDBConnection.prototype, 'run').mockRejectedValueOnce(
      new Error('INTERNAL Error: a defect'),
    );
    await expect(other.commit(sampleBatch('live', 0, sizes))).rejects.toMatchObject({ transient: true });
    await lane.commit(sampleBatch('live', 1, sizes));
    expect(opened).toHaveBeenCalledTimes(1);
    expect(await runChild({ kind: 'tables', directory, batches: 3 })).toMatchObject({ code: 73 });
  });

  it('commit although a statement of another lane invalidates their DuckDB again and again', async () => {
    const [broken, ...others] = await Promise.all(feeds(4).map((feed) => openLane(feed)));
    const { prototype } = loadDuckDB().DuckDBConnection;
    const { run } = prototype;
    const running = new Set<object>();
    const victims = new Set<object>();
    let waited = 0;
    vi.spyOn(prototype, 'run').mockImplementation(async function (this: typeof prototype, sql, values) {
      if (typeof sql === 'string' && sql.includes('feed-0-')) {
        while (running.size === 0 && ++waited < 1_000) await new Promise((resolve) => setImmediate(resolve));
        for (const other of running) victims.add(other);
        throw new Error('INTERNAL Error: a defect');
      }
      running.add(this);
      const result = await run.call(this, sql, values);
      running.delete(this);
      if (victims.delete(this)) throw new Error('FATAL Error: the database has been invalidated');
      return result;
    });
    const commits = [broken!, ...others].map((lane) => lane.commit(sampleBatch('live', 0, sizes)));
    const ended = await Promise.allSettled(commits);
    expect(ended.map(({ status }) => status)).toEqual(['rejected', ...others.map(() => 'fulfilled')]);
  });

  it('spill elsewhere where the tables may be read only: a question needs no lock', async () => {
    // Nobody may make a directory there, not even root.
    const spill = await lockedSpill('/sys/engine');
    expect(spill.path).toContain(tmpdir());
    await spill.free();
  });

  it('remove what a killed process has spilled, but not what another one spills', async () => {
    const [of, limits] = [(number: number) => join(directory, '.state', '.engine', `${number}.spill`), collectorLimits];
    const left = join(of(0), 'left');
    await mkdir(of(0), { recursive: true });
    await writeFile(left, '');
    const lane = await openLane('acme');
    await lane.commit(sampleBatch('live', 0, sizes));
    expect(existsSync(left)).toBe(false);
    const another = Engine.of(directory, { ...limits, memoryLimit: '64MB' });
    const places = `SELECT value FROM duckdb_settings() WHERE name = 'temp_directory'`;
    expect(await another.rows(places)).toEqual([[of(1)]]);
    await another.close();
    const same = Engine.of(directory, limits);
    expect(await same.rows(places)).toEqual([[of(0)]]);
    await same.close();
  });
});
