import { copyFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkTables, type TablesFinding } from '../../../collector/sinks/tables/check-tables.js';
import { Engine } from '../../../collector/sinks/tables/engine.js';
import { maintainTables } from '../../../collector/sinks/tables/maintain-tables.js';
import { TablesLogs } from '../../../collector/sinks/tables/tables-logs.js';
import { createTablesSink } from '../../../collector/sinks/tables/tables-sink.js';
import { sampleBatch } from '../../contract/sample-batch.js';

const sizes = { events: 20, letters: 1, raw: 1 };
const limits = { memoryLimit: '96MB', threads: 1 };

describe('checking tables', () => {
  let directory: string;
  let now: number;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-check-'));
    now = Date.now();
    await commit('acme', 0);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function commit(feed: string, index: number, stopAt?: string): Promise<void> {
    const sink = createTablesSink({
      directory,
      feed,
      checkpoint: async (step) => {
        if (step === stopAt) throw new Error('stopped');
      },
    });
    const lane = sink.lane('live');
    await lane.open();
    const batch = sampleBatch('live', index, sizes);
    const done = lane.commit({ ...batch, cursor: { ...batch.cursor, feed } });
    await (stopAt === undefined ? done : expect(done).rejects.toThrow('stopped'));
    await sink.close();
  }
  async function check(): Promise<TablesFinding[]> {
    const engine = Engine.unshared(limits);
    try {
      return await checkTables(directory, engine, now);
    } finally {
      await engine.close();
    }
  }
  const wrong = async () => (await check()).filter(({ verdict }) => verdict !== 'ok');
  const repair = (takeOutMissing = false) =>
    maintainTables({ directory, limits, clock: { now: () => now }, parts: { merge: false, takeOutMissing } });
  const good = async () => {
    const [name = ''] = (await readdir(join(directory, 'authentication'), { recursive: true })).filter((one) =>
      one.endsWith('.parquet'),
    );
    return join(directory, 'authentication', name);
  };

  it('finds nothing wrong with what a collector left, and counts rows and uids', async () => {
    expect(await check()).toEqual([
      expect.objectContaining({
        part: 'authentication',
        verdict: 'ok',
        message: expect.stringContaining('20 rows in 1 file'),
      }),
      expect.objectContaining({ part: 'dead_letters', verdict: 'ok' }),
      expect.objectContaining({ part: 'raw_records', verdict: 'ok' }),
      { part: 'uids of events', verdict: 'ok', message: '20, each once' },
      { part: 'uids of raw_records', verdict: 'ok', message: '1, each once' },
    ]);
  });

  it.each(['commit:point', 'commit:shown'])(
    'finds a lane that nobody opens any more and that was killed at %s, and mends it',
    async (step) => {
      await commit('removed', 1, step);
      expect(await wrong()).toEqual([
        expect.objectContaining({
          part: 'removed/live',
          verdict: 'mendable',
          message: expect.stringContaining('3 files'),
        }),
      ]);
      expect(await repair()).toMatchObject({ repairs: 1 });
      expect(await wrong()).toEqual([]);
      const { files } = await TablesLogs.of(directory).log('authentication').snapshot();
      expect(files.size).toBe(2);
    },
  );

  it.each<[string, RegExp, (path: string) => Promise<void>]>([
    ['missing', /is missing/, (path) => rm(path)],
    ['cut off', /has 2000 bytes of/, (path) => truncate(path, 2000)],
    [
      'damaged',
      /is damaged/,
      async (path) => {
        const bytes = await readFile(path);
        await writeFile(path, bytes.fill(0x55, bytes.length - 300));
      },
    ],
  ])('names a file that is %s', async (_name, message, damage) => {
    await damage(await good());
    expect(await wrong()).toContainEqual(
      expect.objectContaining({ part: 'authentication', verdict: 'failed', message: expect.stringMatching(message) }),
    );
  });

  it('names a file that holds other rows than its log says', async () => {
    const path = await good();
    await commit('other', 1);
    const other = join(path, '..', 'other-live-0000000001.parquet');
    const text = await readFile(join(directory, 'authentication', '_delta_log', '00000000000000000001.json'), 'utf8');
    await writeFile(
      join(directory, 'authentication', '_delta_log', '00000000000000000001.json'),
      text.replace(String.raw`\"numRecords\":20`, String.raw`\"numRecords\":21`),
    );
    expect((await stat(other)).size).toBeGreaterThan(0);
    const moved = `${directory}-moved`;
    await import('node:fs/promises').then(({ rename }) => rename(directory, moved));
    directory = moved;
    expect(await wrong()).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('holds 20 rows, its log says 21') }),
    );
  });

  it('names uids that are there twice', async () => {
    await commit('again', 0);
    expect(await wrong()).toEqual([
      expect.objectContaining({
        part: 'uids of events',
        verdict: 'failed',
        message: expect.stringContaining('20 rows repeat'),
      }),
      expect.objectContaining({ part: 'uids of raw_records', verdict: 'failed' }),
    ]);
  });

  it('finds files that no reader needs once they are old, and mends that', async () => {
    const path = await good();
    await copyFile(path, path.replace('live-0000000001', 'merged-left-by-a-crash'));
    expect(await wrong()).toEqual([]);
    now += 2 * 3_600_000;
    expect(await wrong()).toEqual([
      expect.objectContaining({
        part: 'authentication',
        verdict: 'mendable',
        message: expect.stringContaining('1 file that'),
      }),
    ]);
    expect(await repair()).toMatchObject({ unlinkedFiles: 1 });
    expect(await wrong()).toEqual([]);
  });

  it('names a lane whose state cannot be used', async () => {
    await truncate(join(directory, '.state', 'acme', 'live.json'), 10);
    expect(await wrong()).toEqual([expect.objectContaining({ part: 'acme/live.json', verdict: 'failed' })]);
  });

  it.each<[string, (state: string) => Promise<void>]>([
    ['damaged', (state) => truncate(state, 10)],
    ['missing while its copy is there', (state) => rm(state)],
  ])('unlinks no file of a lane whose state is %s, however old it is', async (_name, damage) => {
    await commit('other', 1, 'commit:shown');
    await rm(join(directory, '.state', 'other', 'live.bak'), { force: true });
    await copyFile(join(directory, '.state', 'other', 'live.json'), join(directory, '.state', 'other', 'live.bak'));
    await damage(join(directory, '.state', 'other', 'live.json'));
    now += 365 * 86_400_000;
    expect(await repair()).toMatchObject({ unlinkedFiles: 0 });
    await expect(stat(join(await good(), '..', 'other-live-0000000001.parquet'))).resolves.toBeDefined();
  });

  it('takes a missing file out of the log when it repairs, and says how many rows are gone', async () => {
    const path = await good();
    await rm(path);
    expect(await repair()).toMatchObject({ goneFiles: [] });
    expect(await wrong()).not.toEqual([]);
    expect(await repair(true)).toMatchObject({ goneFiles: [{ file: path, rows: 20 }] });
    expect(await wrong()).toEqual([]);
  });

  it('removes from the logs what the last commit of a killed lane names and no directory holds', async () => {
    await commit('removed', 1, 'commit:point');
    await rm(join(directory, '.state', 'removed', 'live.aside'), { recursive: true });
    expect((await repair()).failures).toEqual([expect.stringContaining('3 files with 22 rows')]);
    expect((await repair(true)).goneFiles).toHaveLength(3);
    expect(await wrong()).toEqual([]);
    // The removal is remembered for an hour, the lane's commit for good.
    now += 3 * 3_600_000;
    await maintainTables({ directory, limits, clock: { now: () => now }, rules: { versionsPerCheckpoint: 1 } });
    expect(await wrong()).toEqual([]);
  });

  it('says that the lanes of rows are lost where another program has rewritten a file', async () => {
    const log = TablesLogs.of(directory).log('authentication');
    await log.change(({ files }) => [...files.values()].map(({ tags, ...add }) => ({ add })));
    expect(await wrong()).toContainEqual(
      expect.objectContaining({ part: 'authentication', message: expect.stringContaining('feed and lane') }),
    );
  });
});
