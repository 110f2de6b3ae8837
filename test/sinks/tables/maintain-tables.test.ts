import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { exportTables } from '../../../collector/query/export-tables.js';
import { openTables } from '../../../collector/query/open-tables.js';
import type { Column } from '../../../collector/sinks/tables/columns.js';
import { Engine } from '../../../collector/sinks/tables/engine.js';
import { tableStagingDirectory } from '../../../collector/sinks/tables/layout.js';
import { maintainTables } from '../../../collector/sinks/tables/maintain-tables.js';
import { type MaintenanceRules, maintenanceRules } from '../../../collector/sinks/tables/plan-merges.js';
import { classTables } from '../../../collector/sinks/tables/table-catalog.js';
import { lockTable } from '../../../collector/sinks/tables/table-lock.js';
import { TablesLogs } from '../../../collector/sinks/tables/tables-logs.js';
import { createTablesSink, type TablesOptions } from '../../../collector/sinks/tables/tables-sink.js';
import { readTables } from '../../../collector/sinks/tables/tables-snapshot.js';
import { scanOf, viewRows } from '../../../collector/sinks/tables/views.js';
import { sampleBatch, sampleEvent } from '../../contract/sample-batch.js';
import { readEvents } from './read-events.js';
import { readDelivered, rowsOf } from './read-tables.js';

const sizes = { events: 20, letters: 1, raw: 1 };
const nothing = { events: 0, letters: 0, raw: 0 };
const DAY = 86_400_000;
const authentication = classTables.get(3002)!;

/** Each column, and each field of structs. */
function leavesOf(columns: readonly Column[], within = ''): string[] {
  return columns.flatMap(({ name, type }) => {
    const path = `${within}"${name}"`;
    return type.kind === 'struct' ? [path, ...leavesOf(type.fields, `${path}.`)] : [path];
  });
}

describe('maintaining tables', () => {
  let directory: string;
  let now: number;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-maintain-'));
    now = Date.now();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const connect = (options: Partial<TablesOptions> = {}) =>
    createTablesSink({ directory, feed: 'acme', clock: { now: () => now }, ...options });
  const setting = (rules: Partial<MaintenanceRules> = {}) => ({
    directory,
    limits: { memoryLimit: '96MB', threads: 1 },
    clock: { now: () => now },
    rules: { mostSmall: 4, settledMs: 0, ...rules },
  });
  const maintain = (rules: Partial<MaintenanceRules> = {}, checkpoint?: (step: string) => Promise<void>) =>
    maintainTables({ ...setting(rules), ...(checkpoint && { checkpoint }) });
  /** Files carry the time of the disk: past what was written by now. */
  const settle = () => {
    now = Math.max(now, Date.now()) + 1000;
  };
  const files = async (table: string) =>
    (await readdir(join(directory, table), { recursive: true })).filter(
      (name) => name.startsWith('event_day') && name.endsWith('.parquet'),
    );
  /** Commits batches from `from` up to `to`. */
  const commit = async (feed: string, lane: string, from: number, to: number, options: Partial<TablesOptions> = {}) => {
    const sink = connect({ feed, ...options });
    const opened = sink.lane(lane);
    await opened.open();
    for (let index = from; index < to; index++) {
      const batch = sampleBatch(lane, index, sizes);
      await opened.commit({ ...batch, cursor: { ...batch.cursor, feed } });
    }
    await sink.close();
  };

  it('merges small files of several feeds and lanes into one, and unlinks what was replaced an hour later', async () => {
    await commit('acme', 'live', 0, 2);
    await commit('other', 'live', 2, 4);
    await commit('acme', 'backfill/2026-10-01T00:00:00Z_2026-11-01T00:00:00Z', 4, 5);
    const before = await readDelivered(directory);
    settle();
    expect(await maintain()).toMatchObject({ mergedFiles: 15, mergedInto: 3, unlinkedFiles: 0, failures: [] });
    expect(await files('authentication')).toHaveLength(6);
    // Of many columns and few rows they would be a tenth of a file, and no reader of a day's file is faster by them.
    const engine = Engine.unshared({ memoryLimit: '96MB', threads: 1 });
    const paths = (await files('authentication')).map((name) => `'${join(directory, 'authentication', name)}'`);
    expect(await engine.rows(`SELECT count(bloom_filter_length) FROM parquet_metadata([${paths}])`)).toEqual([['0']]);
    await engine.close();
    expect((await readDelivered(directory)).events.toSorted()).toEqual(before.events.toSorted());
    now += maintenanceRules.graceMs + 1;
    expect(await maintain()).toMatchObject({ mergedFiles: 0, unlinkedFiles: 15 });
    expect(await files('authentication')).toHaveLength(1);
    const after = await readDelivered(directory);
    for (const kind of ['events', 'deadLetters', 'raw'] as const)
      expect(after[kind].toSorted()).toEqual(before[kind].toSorted());
  });

  it('leaves out of a merged file what is NULL in all its rows, which reads as before: an empty object or list is not NULL', async () => {
    const commitEvents = async (first: number, members: object) => {
      const sink = connect();
      const lane = sink.lane('live');
      await lane.open();
      for (const number of [first, first + 1]) {
        const { text, ...event } = sampleEvent(number, now - 3 * DAY);
        const batch = sampleBatch('live', number, nothing);
        await lane.commit({
          ...batch,
          events: [{ ...event, text: JSON.stringify({ ...JSON.parse(text), ...members }) }],
        });
      }
      await sink.close();
    };
    const engine = Engine.unshared({ memoryLimit: '96MB', threads: 1 });
    const columnsOf = async (path: string) => {
      const rows = await engine.rows(`DESCRIBE SELECT * FROM '${path}'`);
      return Object.fromEntries(rows.map(([name, type]) => [String(name), String(type)]));
    };
    const equally = async (merge: () => Promise<unknown>) => {
      const before = await readEvents(directory);
      await merge();
      expect(await readEvents(directory)).toEqual(before);
      return (await readTables(directory)).get('authentication')!.files;
    };
    await commitEvents(0, { device: {}, observables: [], auth_factors: [{}], actor: { user: {} } });
    settle();
    const [merged] = await equally(() => maintain({ mostSmall: 2 }));
    const columns = await columnsOf(merged!.path);
    expect(columns).toMatchObject({ device: expect.any(String), observables: expect.any(String) });
    expect(columns).not.toHaveProperty('dst_endpoint');
    expect(columns.user).not.toMatch(/groups|risk_level|full_name/);
    // A struct within a struct stays: DuckDB 2.0 fails where one is missing.
    expect(columns.src_endpoint).toMatch(/autonomous_system STRUCT\(.*os STRUCT\(/);
    expect([merged!.schema, merged!.partOf]).toEqual([undefined, expect.any(String)]);

    // With other columns, and together with files that have all.
    await commitEvents(2, { dst_endpoint: { ip: '192.0.2.1' }, user: { full_name: 'Ana' } });
    expect(await rowsOf(directory, `SELECT count(*) FROM authentication WHERE "user".full_name = 'Ana'`)).toEqual([
      [2n],
    ]);
    expect(await rowsOf(directory, 'SELECT count(dst_endpoint), count(device) FROM authentication')).toEqual([
      [2n, 2n],
    ]);
    // DuckDB reads a field that is asked for alone without the rest of its struct.
    const { files: mixed } = (await readTables(directory)).get('authentication')!;
    const rows = viewRows(authentication, mixed);
    // Through a union it would read the whole struct.
    expect(String(await engine.rows(`EXPLAIN SELECT metadata.uid FROM (${rows})`))).not.toContain('UNION');
    await engine.run(`CREATE TABLE whole AS ${rows}`);
    for (const value of leavesOf(authentication.columns)) {
      const of = (from: string) => engine.rows(`SELECT count(${value}), bit_xor(hash(${value}, "time")) FROM ${from}`);
      expect(await of(`(${rows})`), value).toEqual(await of('whole'));
    }
    settle();
    const [again, ...others] = await equally(() => maintain({ mostSmall: 2 }));
    expect(others).toEqual([]);
    expect(await columnsOf(again!.path)).toHaveProperty('dst_endpoint');
    const ofAnotherVersion = scanOf([merged!, again!].map((file) => ({ ...file, partOf: 'another' })));
    expect(await engine.rows(`SELECT count(*), count(dst_endpoint.ip) FROM ${ofAnotherVersion}`)).toEqual([['6', '2']]);

    // Plain Parquet has no log that says which columns there are.
    const to = `${directory}-copy`;
    await exportTables(directory, to);
    // And the day of the folders, which DuckDB adds.
    const copied = await columnsOf(`${to}/authentication/*/*.parquet`);
    expect(Object.keys(copied)).toHaveLength(authentication.columns.length + 3);
    await rm(to, { recursive: true });
    await engine.close();
  });

  it('ends although lanes commit faster than it merges: what settles meanwhile is the next run’s', async () => {
    const rules = { settledMs: 3_600_000, graceMs: DAY, versionsPerCheckpoint: 1 };
    let next = 0;
    const commitFour = async () => {
      await commit('acme', 'live', next, next + 4);
      next += 4;
      now = Date.now() + rules.settledMs;
    };
    await commitFour();
    const whileItMerges = async (step: string) => {
      if (step === 'maintain:merged' && next < 30) await commitFour();
    };
    expect(await maintain(rules, whileItMerges)).toMatchObject({ mergedInto: 3, backlog: 0 });
    for (const table of ['authentication', 'dead_letters', 'raw_records'])
      expect(await readdir(join(directory, table, '_delta_log'))).toContain('_last_checkpoint');
    expect(await maintain(rules)).toMatchObject({ mergedInto: 3 });
  });

  it('does not change what a reader sees that began before', async () => {
    await commit('acme', 'live', 0, 4);
    const tables = await openTables(directory);
    settle();
    await maintain();
    now += maintenanceRules.graceMs - 1000;
    await maintain();
    const answer = await tables.query('SELECT count(*), count(DISTINCT metadata.uid) FROM events');
    for await (const row of answer.rows) expect(row.map(Number)).toEqual([4 * sizes.events, 4 * sizes.events]);
    await tables.close();
  });

  /** Commits an event on each of the last days, in a live lane that has read up to now. */
  const commitDays = async (feed: string, days: readonly number[], keepDays?: number) => {
    const sink = connect({ feed, ...(keepDays === undefined ? {} : { keepDays }) });
    const lane = sink.lane('live');
    await lane.open();
    const events = days.map((ago) => sampleEvent(ago + (keepDays ?? 10) * 10, now - ago * DAY));
    const { cursor, ...batch } = sampleBatch('live', 0, nothing);
    const position = { ...cursor.position, watermark: Math.floor(now / 1000) };
    await lane.commit({ ...batch, cursor: { ...cursor, feed, position }, events });
    await sink.close();
  };

  it('lets days go that every feed with rows in a file no longer keeps, also for a feed that nobody runs', async () => {
    await commitDays('short', [0, 1, 2, 3, 4], 2);
    await commitDays('all', [0, 1, 2, 3, 4]);
    settle();
    expect(await maintain()).toMatchObject({ expiredFiles: 2, heldFiles: 0 });
    expect((await readDelivered(directory)).events).toHaveLength(3 + 5);
    now += maintenanceRules.graceMs + 1;
    await maintain();
    expect(await files('authentication')).toHaveLength(3 + 5);
  });

  it('lets no day go by a clock that is ahead of all that was read, unless it is asked to', async () => {
    await commitDays('removed', [0, 1, 2, 3, 4], 2);
    now += 10 * DAY;
    await commitDays('runs', [0, 1], 2);
    now += 400 * DAY;
    expect(await maintain()).toMatchObject({ expiredFiles: 5, heldFiles: 2 });
    expect((await readDelivered(directory)).events).toHaveLength(2);
    expect(await maintainTables({ ...setting(), byClock: true })).toMatchObject({ expiredFiles: 2, heldFiles: 0 });
    expect((await readDelivered(directory)).events).toEqual([]);
  });

  it('refuses to say what it holds of days that it no longer keeps', async () => {
    const sink = connect({ keepDays: 2 });
    const midnight = BigInt(now - (now % DAY) - 2 * DAY) * 1_000_000n;
    await expect(sink.find?.(['a'], midnight - 1n, midnight + 1n)).rejects.toMatchObject({
      code: 'SINK_REFUSED',
      detail: 'expired',
    });
    expect(await sink.find?.(['a'], midnight, midnight + 1n)).toEqual(new Set());
    expect(await connect().find?.(['a'], 0n, midnight)).toEqual(new Set());
  });

  it('never unlinks a file that a lane’s state names and the log lacks, however old it is', async () => {
    const sink = connect({
      checkpoint: async (step) => {
        if (step === 'commit:shown') throw new Error('stopped');
      },
    });
    const lane = sink.lane('live');
    await lane.open();
    await expect(lane.commit(sampleBatch('live', 0, sizes))).rejects.toThrow('stopped');
    await sink.close();
    now += 365 * DAY;
    await maintain();
    expect((await readDelivered(directory)).events).toHaveLength(sizes.events);
    expect(await TablesLogs.of(directory).tables()).toEqual(['authentication', 'dead_letters', 'raw_records']);
  });

  it('unlinks what a merge left that was killed before its version of the log', async () => {
    await commit('acme', 'live', 0, 4);
    settle();
    const killed = maintain({}, async (step) => {
      if (step === 'maintain:published') throw new Error('killed');
    });
    expect((await killed).failures).toHaveLength(3);
    expect(await files('authentication')).toHaveLength(5);
    now += maintenanceRules.graceMs + 60_000;
    expect(await maintain()).toMatchObject({ mergedInto: 3, unlinkedFiles: 3 });
  });

  it.each<[string, (path: string, bytes: Buffer) => Promise<void>, RegExp]>([
    ['missing', (path) => rm(path), /is missing, so that it is not merged/],
    ['damaged in its rows', (path, bytes) => writeFile(path, bytes.fill(0x55, 4, 4000)), /cannot be read .*, so that/],
  ])('skips a file that is %s, and merges the others', async (_name, damage, message) => {
    await commit('acme', 'live', 0, 5);
    const [name = ''] = await files('authentication');
    const path = join(directory, 'authentication', name);
    await damage(path, await readFile(path));
    settle();
    const report = await maintain();
    expect(report).toMatchObject({ mergedFiles: 4 + 5 + 5, mergedInto: 3, failures: [expect.stringMatching(message)] });
    expect(report.failures[0]).toContain(path);
    expect(await maintain()).toMatchObject({ mergedFiles: 0 });
  });

  it('waits for a table that somebody else merges for as long as that goes on, after it has maintained the others', async () => {
    await commit('acme', 'live', 0, 5);
    settle();
    const free = await lockTable(directory, 'authentication');
    const growing = join(tableStagingDirectory(directory, 'authentication'), 'growing');
    await mkdir(dirname(growing), { recursive: true });
    let looks = 0;
    // Each look at the clock finds it past the patience, and the other's file larger.
    vi.spyOn(performance, 'now').mockImplementation(() => {
      appendFileSync(growing, 'x');
      looks += 1;
      if (looks === 9) void free();
      return looks * 2000;
    });
    const notices: string[] = [];
    const wait = { notice: (message: string) => void notices.push(message), patienceMs: 1000 };
    const report = await maintainTables({ ...setting(), wait }).finally(() => vi.restoreAllMocks());
    expect(report).toMatchObject({ mergedInto: 3, busy: [] });
    expect(notices).toEqual([expect.stringMatching(/^Waiting for table authentication, which this process /)]);
    expect(looks).toBeGreaterThanOrEqual(9);
  });

  it('gives up on a table whose holder writes nothing any more, and names it with what to do', async () => {
    await commit('acme', 'live', 0, 5);
    settle();
    const free = await lockTable(directory, 'authentication');
    const waiting = maintainTables({ ...setting(), wait: { notice: () => {}, patienceMs: 0 } });
    await expect(waiting).rejects.toMatchObject({
      code: 'LANE_IN_USE',
      message: expect.stringMatching(/^Table authentication is locked by this process, which has merged nothing /),
      cure: expect.stringContaining('may be ended'),
    });
    expect(await maintain()).toMatchObject({ mergedInto: 0, busy: ['authentication'] });
    await free();
    expect(await maintain()).toMatchObject({ mergedInto: 1, busy: [] });
  });

  it('loses nothing where the disk fills while files are merged, says so, and merges once there is space', async ({
    skip,
  }) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', directory], { stdio: 'pipe' });
    } catch {
      process.stderr.write('SKIPPED: a small file system cannot be mounted here.\n');
      skip();
    }
    try {
      await commit('acme', 'live', 0, 20);
      const before = await readDelivered(directory);
      settle();
      const filler = join(directory, 'filler');
      await expect(writeFile(filler, Buffer.alloc(64 * 1024 * 1024))).rejects.toThrow('ENOSPC');
      // Enough for the lock, and not for all that a merge writes.
      await truncate(filler, (await stat(filler)).size - 48 * 1024);
      await expect(maintain()).rejects.toMatchObject({ code: 'STORAGE_FAILED', detail: 'ENOSPC' });
      expect((await readDelivered(directory)).events.toSorted()).toEqual(before.events.toSorted());
      await rm(filler);
      settle();
      const report = await maintain();
      expect(report.failures).toEqual([]);
      expect(report.mergedFiles).toBeGreaterThanOrEqual(20);
      expect(await maintain()).toMatchObject({ mergedFiles: 0 });
      expect((await readDelivered(directory)).events.toSorted()).toEqual(before.events.toSorted());
    } finally {
      execFileSync('umount', ['-l', directory]);
    }
  });

  it('makes a reader whose states are of before the merge of one lane read again, and hides nothing', async () => {
    await commit('acme', 'live', 0, 9);
    const state = join(directory, '.state');
    await cp(state, `${directory}-before`, { recursive: true });
    await commit('acme', 'live', 9, 10);
    settle();
    expect(await maintain()).toMatchObject({ mergedInto: 3 });
    const present = `${directory}-present`;
    await rename(state, present);
    await rename(`${directory}-before`, state);
    const reading = readDelivered(directory);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await rename(state, `${directory}-before`);
    await rename(present, state);
    expect((await reading).events).toHaveLength(10 * sizes.events);
    await rm(`${directory}-before`, { recursive: true });
  });

  it('writes checkpoints and removes the versions before them that are older than the retention', async () => {
    await commit('acme', 'live', 0, 5);
    settle();
    await maintain({ versionsPerCheckpoint: 3, mostSmall: 100 });
    await commit('acme', 'live', 5, 10);
    now += 2 * maintenanceRules.graceMs;
    await maintain({ versionsPerCheckpoint: 3, mostSmall: 100 });
    const log = await readdir(join(directory, 'authentication', '_delta_log'));
    expect(log.filter((name) => name.endsWith('.checkpoint.parquet'))).toHaveLength(2);
    expect(log).not.toContain('00000000000000000000.json');
    expect((await readDelivered(directory)).events).toHaveLength(10 * sizes.events);
  });

  it('goes by an earlier checkpoint and the versions since where the newest checkpoint is corrupt', async () => {
    await commit('acme', 'live', 0, 5);
    settle();
    await maintain({ versionsPerCheckpoint: 3, mostSmall: 100 });
    const log = join(directory, 'authentication', '_delta_log');
    const [checkpoint = ''] = (await readdir(log)).filter((name) => name.endsWith('.checkpoint.parquet'));
    await writeFile(join(log, checkpoint), 'PAR1 is what I am not');
    const moved = `${directory}-moved`;
    await import('node:fs/promises').then(({ rename }) => rename(directory, moved));
    expect((await readDelivered(moved)).events).toHaveLength(5 * sizes.events);
    await rm(moved, { recursive: true });
  });
});
