import { appendFile, mkdir, mkdtemp, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SPOOL_START, Spool, type SpooledBody, type SpoolPosition } from '../../collector/webhook/spool.js';

const MIB = 1024 * 1024;
const bodyOf = (text: string): SpooledBody => ({ receivedAt: 1_700_000_000_000, headers: {}, body: Buffer.from(text) });

describe('the spool of webhooks', () => {
  let directory: string;
  let spool: Spool;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spool-'));
    spool = await Spool.open(directory, 64 * MIB);
  });
  afterEach(async () => {
    await spool.close();
    await rm(directory, { recursive: true });
  });

  /** Reads to the end. */
  async function readAll(from: SpoolPosition): Promise<{ texts: string[]; position: SpoolPosition; cut: number }> {
    const texts: string[] = [];
    let position = from;
    let cut = 0;
    for (;;) {
      const portion = await spool.read(position, 3);
      cut += portion.cut;
      texts.push(...portion.bodies.map(({ body }) => body.toString()));
      const same = portion.position.segment === position.segment && portion.position.offset === position.offset;
      position = portion.position;
      if (same) return { texts, position, cut };
    }
  }

  const reopen = async () => {
    await spool.close();
    spool = await Spool.open(directory, 64 * MIB);
  };

  it('gives bodies back as they came, in order, each once from a position on', async () => {
    const texts = Array.from({ length: 10 }, (_, index) => `body ${index}`);
    await Promise.all(texts.map((text) => spool.append(bodyOf(text))));
    const first = await readAll(SPOOL_START);
    expect(first.texts).toEqual(texts);
    await spool.append({ ...bodyOf('\u0000 \ud83d\ude00'), headers: { 'user-agent': 'x' } });
    const [last] = (await spool.read(first.position, 10)).bodies;
    expect(last).toEqual({ ...bodyOf('\u0000 \ud83d\ude00'), headers: { 'user-agent': 'x' } });
  });

  it('that cannot be opened frees its lock: the next attempt may succeed', async () => {
    await spool.close();
    const id = join(directory, 'id');
    await rm(id);
    await mkdir(id);
    await expect(Spool.open(directory, 64 * MIB)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await rmdir(id);
    spool = await Spool.open(directory, 64 * MIB);
    await spool.append(bodyOf('taken'));
  });

  it('goes on behind its last segment after every restart, also when all was read and forgotten', async () => {
    let position = SPOOL_START;
    const seen: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      await spool.append(bodyOf(`round ${round}`));
      if (round % 2 === 0) await reopen();
      const read = await readAll(position);
      seen.push(...read.texts);
      ({ position } = read);
      await spool.forget(position);
      if (round % 3 === 0) await reopen();
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5].map((round) => `round ${round}`));
    expect((await readdir(directory)).filter((name) => name.endsWith('.bodies')).length).toBeLessThanOrEqual(2);
  });

  it('gives what it holds to a reader whose position is beyond its end: an older copy of its files was put back', async () => {
    await spool.append(bodyOf('kept'));
    await reopen();
    await spool.append(bodyOf('lost with its file'));
    const { position } = await readAll(SPOOL_START);
    await spool.close();
    await rm(join(directory, '000000000002.bodies'));
    spool = await Spool.open(directory, 64 * MIB);
    const again = await readAll(position);
    await spool.append(bodyOf('taken since'));

    expect(again.texts).toEqual(['kept']);
    expect((await readAll(again.position)).texts).toEqual(['taken since']);
    expect((await readAll(position)).texts).toEqual(['kept', 'taken since']);
  });

  it('skips the end of a write that a crash cut, and reports its size', async () => {
    await spool.append(bodyOf('whole'));
    await spool.close();
    const [name] = (await readdir(directory)).filter((one) => one.endsWith('.bodies'));
    await appendFile(join(directory, name!), '0123456789abcdef {"at":1,"bo');
    spool = await Spool.open(directory, 64 * MIB);
    await spool.append(bodyOf('next'));
    expect(await readAll(SPOOL_START)).toMatchObject({ texts: ['whole', 'next'], cut: 28 });
  });

  it('passes over a line that was damaged, and gives those behind it', async () => {
    await spool.append(bodyOf('one'));
    await spool.close();
    const [name] = (await readdir(directory)).filter((one) => one.endsWith('.bodies'));
    await appendFile(join(directory, name!), 'damaged\n');
    spool = await Spool.open(directory, 64 * MIB);
    await spool.append(bodyOf('two'));
    expect(await readAll(SPOOL_START)).toMatchObject({ texts: ['one', 'two'], cut: 8 });
  });

  it('promises nothing in a segment whose name may be lost with the power: another is begun', async () => {
    const file = await open(directory);
    const sync = vi.spyOn(Object.getPrototypeOf(file), 'sync').mockRejectedValueOnce(new Error('EIO'));
    onTestFinished(() => sync.mockRestore());
    await file.close();
    await expect(spool.append(bodyOf('one'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await spool.append(bodyOf('two'));
    await spool.append(bodyOf('three'));
    expect(sync).toHaveBeenCalledTimes(2);
    expect((await readAll(SPOOL_START)).texts).toEqual(['two', 'three']);
    expect((await stat(join(directory, '000000000001.bodies'))).size).toBe(0);
  });

  it('promises nothing beyond its size', async () => {
    await spool.close();
    spool = await Spool.open(directory, 2 * MIB);
    const half = 'x'.repeat(MIB / 2);
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => spool.append(bodyOf(half))));
    const promised = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(promised).toBeGreaterThan(0);
    expect(promised).toBeLessThan(6);
    expect((await readAll(SPOOL_START)).texts).toHaveLength(promised);
  });

  it('begins another segment once one has grown, so that what is delivered can go', async () => {
    const big = 'x'.repeat(MIB);
    for (let index = 0; index < 14; index += 1) await spool.append(bodyOf(big));
    const { position } = await readAll(SPOOL_START);
    await spool.forget(position);
    const names = (await readdir(directory)).filter((name) => name.endsWith('.bodies'));
    expect(names).toHaveLength(1);
    expect((await stat(join(directory, names[0]!))).size).toBeLessThan(10 * MIB);
  });

  it('belongs to one process at a time, and keeps its id', async () => {
    await expect(Spool.open(directory, MIB)).rejects.toMatchObject({ code: 'LANE_IN_USE' });
    const { id } = spool;
    await reopen();
    expect(spool.id).toBe(id);
  });

  it('wakes who waits for a body, also for one that came before the wait', async () => {
    const { appended } = spool;
    await spool.append(bodyOf('one'));
    const never = new AbortController().signal;
    await spool.arrival(appended, never);
    const next = spool.arrival(spool.appended, never);
    await spool.append(bodyOf('two'));
    await next;
  });

  it('takes nothing once it is closed', async () => {
    await spool.close();
    await expect(spool.append(bodyOf('late'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});
