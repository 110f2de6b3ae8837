import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StoredEvent } from '../../../collector/sinks/rewriting.js';
import type { LaneSink, RewritableLane } from '../../../collector/sinks/sink.js';
import type { Action, MetaData } from '../../../collector/sinks/tables/delta/actions.js';
import { LogFiles } from '../../../collector/sinks/tables/delta/log-files.js';
import { type Field, parseSchema, schemaText } from '../../../collector/sinks/tables/delta/schema.js';
import { TableLog } from '../../../collector/sinks/tables/delta/table-log.js';
import { noTable, withActions } from '../../../collector/sinks/tables/delta/table-snapshot.js';
import { maintainTables } from '../../../collector/sinks/tables/maintain-tables.js';
import { TablesLogs } from '../../../collector/sinks/tables/tables-logs.js';
import { createTablesSink } from '../../../collector/sinks/tables/tables-sink.js';
import type { NormalisedEvent } from '../../../mappings/event.js';
import { runChild } from '../../contract/run-child.js';
import { sampleBatch } from '../../contract/sample-batch.js';
import { readDelivered, rowsOf } from './read-tables.js';

const sizes = { events: 20, letters: 1, raw: 1 };

describe('a table’s log', () => {
  let directory: string;
  let notices: string[];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-log-'));
    notices = [];
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(directory, { recursive: true, force: true });
  });

  const connect = () => createTablesSink({ directory, feed: 'acme', notice: (message) => notices.push(message) });
  const logDirectory = () => join(directory, 'authentication', '_delta_log');
  const version = (number: number) => join(logDirectory(), `${String(number).padStart(20, '0')}.json`);
  /** A log as another process has it. */
  const another = () =>
    new TableLog(logDirectory(), {
      withEngine: () => Promise.reject(new Error('no checkpoint is read here')),
      exclusively: (work) => work(),
    });
  async function commit(from: number, to: number): Promise<void> {
    const sink = connect();
    const lane = sink.lane('live');
    await lane.open();
    for (let index = from; index < to; index++) await lane.commit(sampleBatch('live', index, sizes));
    await sink.close();
  }
  const metaData = async (): Promise<MetaData> => (await another().snapshot()).metaData!;
  const changed = (meta: MetaData, change: (fields: Field[]) => Field[]): Action => ({
    metaData: { ...meta, schemaString: schemaText(change(parseSchema(meta.schemaString) ?? [])) },
  });

  it('gets what a process left between state and log that was killed there, from whoever opens the lane next', async () => {
    const end = await runChild({ kind: 'tables', directory, batches: 2, step: 'commit:shown', nth: 6 });
    expect(end.signal).toBe('SIGKILL');
    expect((await another().snapshot()).files.size).toBe(1);
    expect((await readDelivered(directory)).events, 'readers see it at once').toHaveLength(2 * 20);
    const sink = connect();
    await sink.lane('live').open();
    await sink.close();
    expect((await another().snapshot()).files.size).toBe(2);
    expect((await readDelivered(directory)).events).toHaveLength(2 * 20);
  });

  it('is not hurt by the beginning of a version that a crash left, and names a version that is torn', async () => {
    await commit(0, 2);
    await writeFile(join(logDirectory(), '.tmp-of-the-dead'), '{"add":{"pa');
    expect((await another().snapshot()).version).toBe(1);
    const text = await readFile(version(1), 'utf8');
    await writeFile(version(1), text.slice(0, 200));
    const torn = { code: 'STORAGE_FAILED', message: expect.stringContaining('is damaged (version 1)') };
    await expect(another().snapshot()).rejects.toMatchObject(torn);
    await writeFile(version(1), text);
  });

  it('is listed once per process, whatever its length, and for what another process made of it', async () => {
    await commit(0, 1);
    const [own, foreign] = [another(), another()];
    const noting = (note: string): Action[] => [{ commitInfo: { note } }];
    await own.change(() => noting('first'));
    await foreign.change(() => noting('second'));
    const listed = vi.spyOn(own.files, 'list');
    expect((await own.change(() => noting('third'))).version, 'after the other’s').toBe(3);
    expect(listed).toHaveBeenCalledOnce();
    for (const note of ['fourth', 'fifth']) await own.change(() => noting(note));
    expect((await own.snapshot()).version).toBe(5);
    expect(listed).toHaveBeenCalledOnce();
    await rm(version(5));
    expect((await own.snapshot()).version, 'brought back from a backup').toBe(4);
  });

  it('loses its versions from the first on, so that one that is there has all later ones', async () => {
    const numbers = Array.from({ length: 40 }, (_, number) => number);
    await mkdir(logDirectory(), { recursive: true });
    // What cannot be removed stops the removal.
    for (const number of numbers) await (number === 20 ? mkdir(version(number)) : writeFile(version(number), ''));
    const files = new LogFiles(logDirectory());
    expect([await files.hasNothingAfter(39), await files.hasNothingAfter(38)]).toEqual([true, false]);
    await expect(files.removeBefore(39, Date.now())).rejects.toThrow();
    expect((await files.list())?.versions).toEqual(numbers.slice(20));
  });

  it('copies what was removed from it only where a change touches that', () => {
    const add = { path: 'a', partitionValues: {}, size: 1, modificationTime: 1, dataChange: true };
    const removed = withActions(noTable, [{ remove: { path: 'b', dataChange: true } }], 0);
    const appended = withActions(removed, [{ add }], 1);
    expect(appended.removed).toBe(removed.removed);
    const back = withActions(appended, [{ add: { ...add, path: 'b' } }], 2);
    expect([[...back.files.keys()], back.removed.size, removed.removed.size]).toEqual([['a', 'b'], 0, 1]);
  });

  it('that cannot be written for many commits holds nothing up, and gets all of them once it can be', async () => {
    await commit(0, 1);
    const sink = connect();
    const lane = sink.lane('live');
    await lane.open();
    const full = vi
      .spyOn(LogFiles.prototype, 'put')
      .mockRejectedValue(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
    for (let index = 1; index < 5; index++) await lane.commit(sampleBatch('live', index, sizes));
    expect((await another().snapshot()).files.size).toBe(1);
    expect((await readDelivered(directory)).events, 'ours see them').toHaveLength(5 * 20);
    expect(sink.upkeep?.()).toMatchObject({ unlogged: 4 * 3 });
    expect(notices).toEqual([expect.stringMatching(/not in the tables’ logs yet.*ENOSPC/)]);
    // A process that dies now leaves all of it to the next one.
    await sink.close();
    full.mockRestore();
    await commit(5, 6);
    expect((await another().snapshot()).files.size).toBe(6);
    expect((await readDelivered(directory)).events).toHaveLength(6 * 20);
    const { state } = JSON.parse(await readFile(join(directory, '.state', 'acme', 'live.json'), 'utf8'));
    expect(state.files, 'the state names the last commit alone').toHaveLength(3);
  });

  it('takes each version from one of two writers, and loses nothing of the other', async () => {
    await commit(0, 1);
    const [one, two] = [another(), another()];
    const append = (log: TableLog, name: string) =>
      log.change(() => [{ txn: { appId: name, version: 1, lastUpdated: 0 } }]);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => [append(one, `one-${index}`), append(two, `two-${index}`)]).flat(),
    );
    const { txns, version: last } = await another().snapshot();
    expect(last).toBe(40);
    expect([...txns.keys()].filter((name) => /^(one|two)-/.test(name))).toHaveLength(40);
    expect((await readdir(logDirectory())).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('keeps fields that an older writer does not know, also in structs, and gets those that it lacks', async () => {
    await commit(0, 1);
    const meta = await metaData();
    await another().change(() => [
      changed(meta, (fields) => [
        ...fields
          .filter(({ name }) => name !== 'message')
          .map((field) =>
            field.name === 'metadata' && typeof field.type === 'object' && 'struct' in field.type
              ? { ...field, type: { struct: [...field.type.struct, { name: 'newer', type: 'string' as const }] } }
              : field,
          ),
        { name: 'newest', type: 'long' },
      ]),
    ]);
    await commit(1, 2);
    const fields = parseSchema((await metaData()).schemaString) ?? [];
    expect(fields.map(({ name }) => name)).toEqual(expect.arrayContaining(['newest', 'message']));
    expect(JSON.stringify(fields.find(({ name }) => name === 'metadata'))).toContain('"newer"');
    expect((await readDelivered(directory)).events).toHaveLength(2 * 20);
  });

  it('that gives a column another type is refused by writers', async () => {
    await commit(0, 1);
    const meta = await metaData();
    const asText = (field: Field): Field => (field.name === 'severity_id' ? { ...field, type: 'string' } : field);
    await another().change(() => [changed(meta, (fields) => fields.map(asText))]);
    await expect(commit(1, 2)).rejects.toMatchObject({
      exitCode: 74,
      message: expect.stringContaining('severity_id another type'),
    });
  });

  it('of a newer protocol is refused, by readers where readers must know it', async () => {
    await commit(0, 1);
    const log = another();
    await log.change(() => [{ protocol: { minReaderVersion: 1, minWriterVersion: 7 } }]);
    const newer = { exitCode: 74, message: expect.stringContaining('newer protocol (7)') };
    await expect(commit(1, 2)).rejects.toMatchObject(newer);
    expect((await readDelivered(directory)).events, 'read still').toHaveLength(2 * 20);
    const next = version((await another().snapshot()).version + 1);
    await writeFile(next, '{"protocol":{"minReaderVersion":3,"minWriterVersion":7}}\n');
    await expect(readDelivered(directory)).rejects.toMatchObject({
      message: expect.stringContaining('newer protocol (3)'),
    });
  });

  it('that another program began is refused', async () => {
    await commit(0, 1);
    const meta = await metaData();
    await another().change(() => [{ metaData: { ...meta, partitionColumns: ['country'] } }]);
    await expect(readDelivered(directory)).rejects.toMatchObject({
      exitCode: 74,
      message: expect.stringContaining('columns that are not the table’s'),
    });
  });

  it('keeps rows out that another program removed while their file was merged', async () => {
    await commit(0, 4);
    const { files } = await another().snapshot();
    const [first] = files.keys();
    let removed = false;
    const now = Date.now() + 1000;
    const { failures } = await maintainTables({
      directory,
      limits: { memoryLimit: '96MB', threads: 1 },
      clock: { now: () => now },
      rules: { mostSmall: 4, settledMs: 0 },
      checkpoint: async (step) => {
        if (step !== 'maintain:published' || removed) return;
        removed = true;
        await another().change(() => [{ remove: { path: first!, deletionTimestamp: now, dataChange: true } }]);
      },
    });
    expect(failures).toEqual([expect.stringContaining('another program removed one of them')]);
    expect((await readDelivered(directory)).events).toHaveLength(3 * 20);
    expect((await TablesLogs.of(directory).log('authentication').snapshot()).files.size).toBe(3);
  });

  it('has each event once where a lane is rewritten after another that was killed between state and log', async () => {
    const open = async (feed: string, index: number, checkpoint = async (_step: string) => {}) => {
      const lane = createTablesSink({ directory, feed, checkpoint }).lane('live') as LaneSink & RewritableLane;
      await lane.open();
      const batch = sampleBatch('live', index, sizes);
      await lane.commit({ ...batch, cursor: { ...batch.cursor, feed } });
      return lane;
    };
    const killed = await open('acme', 0, async (step) => {
      if (step === 'remap:shown') throw new Error('killed');
    });
    const other = await open('other', 1);
    const [limits, clock] = [{ memoryLimit: '96MB', threads: 1 }, { now: () => Date.now() + 1000 }];
    await maintainTables({ directory, limits, clock, rules: { mostSmall: 2, settledMs: 0 } });
    const rewriting = { wanted: () => true, decide: remapped, examined: () => {} };
    await expect(killed.rewrite(rewriting, async () => true)).rejects.toThrow('killed');
    await other.rewrite(rewriting, async () => true);
    for (const lane of [killed, other]) await lane.close();
    for (const [index, feed] of ['other', 'acme'].entries()) await (await open(feed, 2 + index)).close();
    const counts = await rowsOf(directory, "SELECT count(*), count(*) FILTER (message = 'remapped') FROM events");
    expect(counts).toEqual([[BigInt(4 * sizes.events), BigInt(2 * sizes.events)]]);
  });
});

function remapped({ uid, classUid, time, event }: StoredEvent): NormalisedEvent {
  const text = JSON.stringify({ ...event, message: 'remapped' });
  return { uid, classUid, time, text, typeUid: Number(event.type_uid), eventCode: '', partitionKey: uid };
}
