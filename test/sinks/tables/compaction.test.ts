import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTables } from '../../../collector/query/open-tables.js';
import { compactionRules, type OwnFile, planExpiry, planMerge } from '../../../collector/sinks/tables/compaction.js';
import { createTablesSink, type TablesOptions } from '../../../collector/sinks/tables/tables-sink.js';
import { sampleBatch, sampleEvent } from '../../contract/sample-batch.js';
import { readDelivered } from './read-tables.js';

const sizes = { events: 20, letters: 1, raw: 1 };
const hour = 3_600_000;

describe('planning the compaction of tables', () => {
  const now = Date.parse('2026-11-03T12:00:00Z');
  const file = (day: string, sequence: number, bytes = 1000, writtenAt = now - hour): OwnFile => ({
    file: `authentication/event_day=${day}/acme-live-${String(sequence).padStart(10, '0')}.parquet`,
    bytes,
    writtenAt,
  });
  const many = (day: string, count: number) => Array.from({ length: count }, (_, n) => file(day, n + 1));

  it('merges a closed day once nothing is added to it any more', () => {
    expect(planMerge(many('2026-11-02', 2), now, compactionRules)?.inputs).toHaveLength(2);
    const fresh = [...many('2026-11-02', 2), file('2026-11-02', 3, 1000, now - 60_000)];
    expect(planMerge(fresh, now, compactionRules)).toBeUndefined();
  });

  it('leaves a single file, today’s few files and large files alone', () => {
    expect(planMerge(many('2026-11-02', 1), now, compactionRules)).toBeUndefined();
    expect(planMerge(many('2026-11-03', compactionRules.mostSmall - 1), now, compactionRules)).toBeUndefined();
    const large = [1, 2].map((sequence) => file('2026-11-02', sequence, 200 * 1024 * 1024));
    expect(planMerge(large, now, compactionRules)).toBeUndefined();
  });

  it('lets old days go, but never those of entities', () => {
    const old = file('2026-01-01', 1);
    const entity = { ...old, file: old.file.replace('authentication', 'entities') };
    expect(planExpiry([old, entity, file('2026-11-02', 2)], now, 30)).toEqual([old.file]);
    expect(planExpiry([old, entity], now, undefined)).toEqual([]);
  });

  it('merges many small files of a day that is still being written', () => {
    expect(planMerge(many('2026-11-03', compactionRules.mostSmall), now, compactionRules)?.inputs).toHaveLength(
      compactionRules.mostInputs,
    );
  });

  it('takes the day with the most files first and no more files than a merge may have', () => {
    const plan = planMerge([...many('2026-11-01', 3), ...many('2026-11-02', 100)], now, compactionRules);
    expect(plan?.group).toBe('authentication/event_day=2026-11-02');
    expect(plan?.inputs).toHaveLength(compactionRules.mostInputs);
  });

  it('lets go of whole days before the days kept, and of nothing where all are kept', () => {
    const files = ['2026-10-31', '2026-11-01', '2026-11-02', '2026-11-03'].map((day) => file(day, 1));
    expect(planExpiry(files, now, 2).map((name) => name.slice(25, 35))).toEqual(['2026-10-31']);
    expect(planExpiry(files, now, undefined)).toEqual([]);
  });
});

describe('compaction of tables', () => {
  let directory: string;
  let now: number;
  const notices: string[] = [];
  const connect = (options: Partial<TablesOptions> = {}) =>
    createTablesSink({
      directory,
      feed: 'acme',
      clock: { now: () => now },
      compaction: { mostSmall: 4 },
      notice: (message) => notices.push(message),
      ...options,
    });
  const parquetFiles = async (ending: string) =>
    (await readdir(directory, { recursive: true })).filter((name) => name.endsWith(ending));

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-compaction-'));
    now = Date.now();
    notices.length = 0;
  });
  afterEach(async () => {
    expect(notices).toEqual([]);
    await rm(directory, { recursive: true, force: true });
  });

  it('merges small files into one, keeps what was replaced for a while and then unlinks it', async () => {
    const lane = connect().lane('live');
    await lane.open();
    for (let index = 0; index < 4; index++) await lane.commit(sampleBatch('live', index, sizes));
    // One merge a commit: after four commits a group of four files has become one.
    const merged = await parquetFiles('.parquet.retired');
    expect(merged).toHaveLength(4);
    for (let index = 4; index < 7; index++)
      await lane.commit(sampleBatch('live', index, { events: 0, letters: 0, raw: 0 }));
    expect(await parquetFiles('.parquet')).toHaveLength(3);
    expect((await readDelivered(directory)).events).toHaveLength(4 * sizes.events);
    now += compactionRules.graceMs + 1;
    await lane.commit(sampleBatch('live', 7, { events: 0, letters: 0, raw: 0 }));
    expect(await parquetFiles('.retired')).toEqual([]);
    await lane.close();
    const delivered = await readDelivered(directory);
    expect(new Set(delivered.events).size).toBe(4 * sizes.events);
    expect(delivered.events).toHaveLength(4 * sizes.events);
  });

  it('answers a query that began before a merge and an unlinking as if nothing had happened', async () => {
    const lane = connect().lane('live');
    await lane.open();
    for (let index = 0; index < 3; index++) await lane.commit(sampleBatch('live', index, sizes));
    const tables = await openTables(directory);
    await lane.commit(sampleBatch('live', 3, sizes));
    now += compactionRules.graceMs + 1;
    await lane.commit(sampleBatch('live', 4, { events: 0, letters: 0, raw: 0 }));
    const answer = await tables.query('SELECT count(*), count(DISTINCT metadata.uid) FROM events');
    for await (const row of answer.rows) expect(row.map(Number)).toEqual([3 * sizes.events, 3 * sizes.events]);
    await tables.close();
    await lane.close();
  });

  it('lets whole days go that are older than the days kept', async () => {
    const day = 24 * hour;
    const lane = connect({ keepDays: 2 }).lane('live');
    await lane.open();
    const events = [0, 1, 2, 3, 4].map((ago) => sampleEvent(ago, now - ago * day));
    await lane.commit({ ...sampleBatch('live', 0, { events: 0, letters: 0, raw: 0 }), events });
    expect((await readDelivered(directory)).events).toHaveLength(3);
    now += compactionRules.graceMs + 1;
    await lane.commit(sampleBatch('live', 1, { events: 0, letters: 0, raw: 0 }));
    expect(await readdir(join(directory, 'authentication'))).toHaveLength(3);
    await lane.close();
  });

  it('looks after lanes that nobody runs', async () => {
    const resting = 'backfill/2026-10-01T00:00:00Z_2026-11-01T00:00:00Z';
    const backfill = connect({ compaction: {} }).lane(resting);
    await backfill.open();
    for (let index = 0; index < 4; index++) await backfill.commit(sampleBatch(resting, index, sizes));
    await backfill.close();
    expect(await parquetFiles('.retired')).toEqual([]);
    const live = connect().lane('live');
    await live.open();
    // Past the end of the samples' day, so that it is closed.
    now = Math.max(now, Date.parse('2026-11-03T12:00:00Z')) + compactionRules.maintainEveryMs + 1;
    await live.commit(sampleBatch('live', 10, { events: 0, letters: 0, raw: 0 }));
    await live.close();
    const files = (await parquetFiles('.parquet')).filter((name) => name.startsWith('authentication'));
    expect(files).toHaveLength(1);
    expect((await readDelivered(directory)).events).toHaveLength(4 * sizes.events);
    expect((await connect().lane(resting).open())?.cursor.lane).toBe(resting);
  });
});
