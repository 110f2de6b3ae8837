import { readlinkSync } from 'node:fs';
import {
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { writeState } from '../../../collector/sinks/files/state-file.js';
import type { Committed } from '../../../collector/sinks/sink.js';
import { createTablesSink, type TablesOptions } from '../../../collector/sinks/tables/tables-sink.js';
import { batchesOf, hashesOf, sampleBatch, sampleUid } from '../../contract/sample-batch.js';
import { readDelivered } from './read-tables.js';

const sizes = { events: 20, letters: 1, raw: 1 };
const empty = { events: 0, letters: 0, raw: 0 };

describe('the state of a lane of tables', () => {
  let directory: string;
  let notices: string[];
  let state: string;
  let backup: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tables-state-'));
    state = join(directory, '.state', 'acme', 'live.json');
    backup = join(directory, '.state', 'acme', 'live.bak');
    notices = [];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const connect = (options: Partial<TablesOptions> = {}) =>
    createTablesSink({ directory, feed: 'acme', notice: (message) => notices.push(message), ...options });

  /** Commits batches from `from` up to `to`, stops with an error at a step of the last one, if one is named. */
  async function commit(from: number, to: number, stopAt?: string): Promise<void> {
    let last = false;
    const sink = connect({
      checkpoint: async (step) => {
        if (last && step === stopAt) throw new Error(`stopped at ${step}`);
      },
    });
    const lane = sink.lane('live');
    await lane.open();
    for (let index = from; index < to; index++) {
      last = index === to - 1;
      const done = lane.commit(sampleBatch('live', index, sizes));
      if (last && stopAt !== undefined) await expect(done).rejects.toThrow(stopAt);
      else await done;
    }
    await sink.close();
  }

  async function reopen(): Promise<Committed | undefined> {
    const sink = connect();
    try {
      return await sink.lane('live').open();
    } finally {
      await sink.close();
    }
  }

  it.skipIf(process.platform !== 'linux')(
    'is synced when the lane is opened, before a file shows: the process that made it may have been killed before it did',
    async () => {
      await commit(0, 2, 'commit:point');
      const synced: string[] = [];
      const file = await open(state);
      const sync = vi.spyOn(Object.getPrototypeOf(file), 'sync').mockImplementation(async function (this: typeof file) {
        synced.push(readlinkSync(`/proc/self/fd/${this.fd}`));
        return this.datasync();
      });
      onTestFinished(() => sync.mockRestore());
      const before: string[][] = [];
      const sink = connect({
        checkpoint: async (step) => {
          if (step === 'open:shown') before.push([...synced]);
        },
      });
      await sink.lane('live').open();
      await file.close();
      await sink.close();
      expect(before).toHaveLength(3);
      expect(before[0]).toContain(dirname(state));
      expect((await readDelivered(directory)).events.toSorted()).toEqual(events(2));
    },
  );

  const events = (batches: number) =>
    Array.from({ length: batches * sizes.events }, (_, number) => sampleUid('event', number)).sort();
  const hashes = (batches: number) =>
    hashesOf(Array.from({ length: batches }, (_, index) => sampleBatch('live', index, sizes).dedupeAdditions).flat());

  it.each(['commit:begin', 'commit:file', 'commit:seen', 'commit:state'])(
    'stopped at %s a commit leaves no trace',
    async (step) => {
      await commit(0, 2, step);
      expect(batchesOf((await reopen())?.cursor)).toBe(1);
      expect((await readDelivered(directory)).events.toSorted()).toEqual(events(1));
      expect(await readdir(join(directory, '.state', 'acme', 'live.aside'))).toEqual([]);
      await commit(1, 2);
      expect((await readDelivered(directory)).events.toSorted()).toEqual(events(2));
    },
  );

  it.each(['commit:point', 'commit:shown', 'commit:done'])(
    'stopped at %s a commit is finished by the next start',
    async (step) => {
      await commit(0, 2, step);
      expect((await readDelivered(directory)).events.toSorted(), 'readers see it at once').toEqual(events(2));
      const committed = await reopen();
      expect(batchesOf(committed?.cursor)).toBe(2);
      expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashes(2));
      expect((await readDelivered(directory)).events.toSorted()).toEqual(events(2));
      expect(notices).toEqual([]);
    },
  );

  it.each<[string, () => Promise<void>]>([
    ['empty', () => truncate(state)],
    ['cut short', async () => truncate(state, Math.floor((await stat(state)).size / 2))],
    [
      'changed by hand',
      async () => writeFile(state, (await readFile(state, 'utf8')).replace('"sequence":2', '"sequence":1')),
    ],
    [
      'of an unknown version',
      async () => writeFile(state, (await readFile(state, 'utf8')).replace('"version":2', '"version":9')),
    ],
    ['no object', () => writeFile(state, '[]')],
    ['deleted', () => rm(state)],
  ])('is restored from its copy when it is %s, and says so', async (_name, damage) => {
    await commit(0, 2);
    await damage();
    const committed = await reopen();
    expect(batchesOf(committed?.cursor)).toBe(2);
    expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashes(2));
    expect(notices).toEqual([expect.stringContaining('Restored from its copy')]);
    await commit(2, 3);
    expect((await readDelivered(directory)).events.toSorted()).toEqual(events(3));
  });

  it('is brought forward from an older copy by what the last commit stored, so that nothing comes twice', async () => {
    await commit(0, 2);
    await copyFile(backup, `${backup}.older`);
    await commit(2, 3);
    await rename(`${backup}.older`, backup);
    await truncate(state, 10);
    const committed = await reopen();
    // The position is a commit behind, but every identity of that commit is known.
    expect(batchesOf(committed?.cursor)).toBe(2);
    expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashes(3));
    expect((await readDelivered(directory)).events.toSorted()).toEqual(events(3));
    await commit(3, 4);
    expect((await readDelivered(directory)).events.toSorted()).toEqual(events(4));
  });

  it('is brought forward also where the last commit was on its way into view', async () => {
    await commit(0, 2);
    await commit(2, 3, 'commit:shown');
    await truncate(state, 10);
    const committed = await reopen();
    expect(hashesOf(committed?.dedupe ?? [])).toEqual(hashes(3));
    expect((await readDelivered(directory)).events.toSorted()).toEqual(events(3));
  });

  it('goes back to its copy where nothing of the lost commit is visible', async () => {
    await commit(0, 2);
    await commit(2, 3, 'commit:point');
    await truncate(state, 10);
    expect(batchesOf((await reopen())?.cursor)).toBe(2);
    expect((await readDelivered(directory)).events.toSorted()).toEqual(events(2));
    await commit(2, 3);
    expect((await readDelivered(directory)).events.toSorted()).toEqual(events(3));
  });

  const corrupt = { code: 'STATE_CORRUPT', exitCode: 74 };

  it('stops the lane where its copy is older than a commit', async () => {
    await commit(0, 1);
    await copyFile(backup, `${backup}.older`);
    await commit(1, 3);
    await rename(`${backup}.older`, backup);
    await truncate(state, 10);
    await expect(reopen()).rejects.toMatchObject(corrupt);
  });

  it('stops the lane where it is an older one than the tables', async () => {
    await commit(0, 1);
    await copyFile(state, `${state}.older`);
    await commit(1, 2);
    await rename(`${state}.older`, state);
    await expect(reopen()).rejects.toMatchObject(corrupt);
  });

  it('stops the lane where it and its copy are gone and the tables hold the lane’s files', async () => {
    await commit(0, 1);
    await rm(state);
    await rm(backup);
    await expect(reopen()).rejects.toMatchObject(corrupt);
    await expect(reopen(), 'the refusal freed the lock').rejects.toMatchObject(corrupt);
  });

  it('stops the lane where both it and its copy are damaged', async () => {
    await commit(0, 1);
    await truncate(state, 10);
    await truncate(backup, 10);
    await expect(reopen()).rejects.toMatchObject(corrupt);
    await expect(connect().peek('live')).rejects.toMatchObject(corrupt);
  });

  it.each<[string, (path: string) => Promise<void>]>([
    ['missing', (path) => rm(path)],
    ['cut short', (path) => truncate(path, 20)],
    ['changed', async (path) => writeFile(path, (await readFile(path)).fill(7, 20, 24))],
  ])('stops the lane where remembered identities are %s', async (_name, damage) => {
    await commit(0, 2);
    const seen = join(directory, '.state', 'acme', 'live.seen');
    await damage(join(seen, (await readdir(seen)).sort()[0] ?? ''));
    await expect(reopen()).rejects.toMatchObject(corrupt);
  });

  it('begins again where neither it nor the lane’s files are there, whatever a crash before the first commit left', async () => {
    await commit(0, 1, 'commit:state');
    expect(await reopen()).toBeUndefined();
    await commit(0, 1);
    expect((await readDelivered(directory)).events.toSorted()).toEqual(events(1));
  });

  it('is refused where it is of a directory without logs, with the way on', async () => {
    await commit(0, 1);
    const { state: stored } = JSON.parse(await readFile(state, 'utf8'));
    await writeState(state, { ...stored, files: stored.files.map(({ file }: { file: string }) => file), retired: [] });
    for (const name of await readdir(directory))
      await rm(join(directory, name, '_delta_log'), { recursive: true, force: true });
    const outdated = { code: 'STATE_OUTDATED', exitCode: 74, cure: expect.stringContaining('new directory') };
    await expect(reopen()).rejects.toMatchObject(outdated);
    await expect(readDelivered(directory)).rejects.toMatchObject(outdated);
    await rm(join(directory, '.state'), { recursive: true });
    await expect(readDelivered(directory), 'without any state').rejects.toMatchObject(outdated);
  });

  it('says when a file of the last commit was deleted, and goes on', async () => {
    await commit(0, 1);
    await rm(join(directory, 'raw_records'), { recursive: true });
    expect(batchesOf((await reopen())?.cursor)).toBe(1);
    expect(notices).toEqual([expect.stringContaining('raw_records')]);
  });

  it('moves with the tables’ directory', async () => {
    await commit(0, 1);
    const other = `${directory}-moved`;
    await cp(directory, other, { recursive: true });
    await rm(directory, { recursive: true });
    await rename(other, directory);
    await commit(1, 2);
    expect((await readDelivered(directory)).events.toSorted()).toEqual(events(2));
  });

  it('grows neither with the commits nor with what they remember', async () => {
    await commit(0, 2);
    const { size } = await stat(state);
    const sink = connect();
    const lane = sink.lane('live');
    await lane.open();
    for (let index = 2; index < 45; index++) await lane.commit(sampleBatch('live', index, { ...empty, events: 100 }));
    await sink.close();
    // At most 32 files of identities are named, in about 50 bytes each.
    expect((await stat(state)).size).toBeLessThan(size + 32 * 60);
    expect((await readdir(join(directory, '.state', 'acme', 'live.seen'))).length).toBeLessThan(40);
  });

  it('and the tables are readable by their owner alone', async () => {
    await mkdir(directory, { recursive: true });
    await commit(0, 1);
    for (const name of await readdir(directory, { recursive: true })) {
      const { mode } = await stat(join(directory, name));
      expect(mode & 0o077, name).toBe(0);
    }
  });
});
