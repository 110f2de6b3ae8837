import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStdoutSink } from '../../../collector/sinks/stdout/stdout-sink.js';
import { holdLane, runChild, startChild } from '../../contract/run-child.js';
import { batchesOf, sampleBatch, sampleUid } from '../../contract/sample-batch.js';
import { childSizes } from '../../contract/sink-child.js';

const batches = 3;

describe('a lane of stdout', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stdout-killed-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const uidsOf = (text: string) => linesOf(text).map(({ metadata }) => (metadata as { uid: string }).uid);
  const deadLetters = () => readFile(join(directory, 'acme', 'live.dead-letters.ndjson'), 'utf8');
  const expected = Array.from({ length: batches * childSizes.events }, (_, number) =>
    sampleUid('event', number),
  ).sort();

  it.each<[string, number, boolean]>([
    ['commit:written', 2, true],
    ['commit:state', 2, true],
    ['commit:point', 2, false],
    ['commit:done', 2, false],
  ])(
    'F-1: killed at %s (%i) loses nothing; lines come again only before the commit point',
    async (step, nth, again) => {
      const first = await runChild({ kind: 'stdout', directory, batches, step, nth });
      expect(first.signal).toBe('SIGKILL');
      const second = await runChild({ kind: 'stdout', directory, batches });
      expect(second.code).toBe(0);
      const all = uidsOf(first.stdout + second.stdout);
      expect([...new Set(all)].sort()).toEqual(expected);
      expect(all.length - expected.length).toBe(again ? childSizes.events : 0);
      expect(linesOf(await deadLetters()), 'dead letters are there once').toHaveLength(batches);
    },
  );

  it('F-3: refuses a second process, and is free at once when the first is killed', async () => {
    const holder = await holdLane('stdout', directory);
    expect(await runChild({ kind: 'stdout', directory, batches: 1 })).toMatchObject({
      code: 73,
      stderr: expect.stringContaining('LANE_IN_USE'),
    });
    holder.kill('SIGKILL');
    await once(holder, 'close');
    expect(await runChild({ kind: 'stdout', directory, batches: 1 })).toMatchObject({ code: 0 });
    expect(await readdir(join(directory, 'acme', 'live.lock')), 'the dead leave nothing').toEqual([]);
  });

  it('never has two holders, however many processes start at the same moment', async () => {
    const ends = await Promise.all(Array.from({ length: 5 }, () => runChild({ kind: 'stdout', directory, batches })));
    expect(ends.every(({ code }) => code === 0 || code === 73)).toBe(true);
    const last = await runChild({ kind: 'stdout', directory, batches });
    expect(last.code).toBe(0);
    const all = [...ends, last].flatMap(({ stdout }) => uidsOf(stdout));
    expect(all.toSorted()).toEqual(expected);
  });

  it('is locked in a directory whose path is longer than a socket’s address', async () => {
    const long = join(directory, 'd'.repeat(120));
    const holder = await holdLane('stdout', long);
    expect(await runChild({ kind: 'stdout', directory: long, batches: 1 })).toMatchObject({ code: 73 });
    holder.kill('SIGKILL');
    await once(holder, 'close');
    expect(await runChild({ kind: 'stdout', directory: long, batches: 1 })).toMatchObject({ code: 0 });
  });

  it('ends as aborted when the reader of a real pipe is gone, and keeps the position', async () => {
    const child = startChild({ kind: 'stdout', directory, batches: 20_000 });
    await once(child.stdout ?? child, 'data');
    child.stdout?.destroy();
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += String(chunk);
    });
    const [code] = await once(child, 'close');
    expect(said).toContain('ABORTED');
    expect(code).toBe(1);
    const sink = createStdoutSink({ directory, feed: 'acme', output: new PassThrough().resume() });
    const committed = await sink.lane('live').open();
    expect(batchesOf(committed?.cursor)).toBeLessThan(20_000);
    await sink.close();
  });

  it('waits for a slow reader instead of filling the memory', async () => {
    const output = new PassThrough({ highWaterMark: 1024 });
    const sink = createStdoutSink({ directory, feed: 'acme', output });
    const lane = sink.lane('live');
    await lane.open();
    let done = false;
    const commit = lane.commit(sampleBatch('live', 0, { events: 2000, letters: 0, raw: 0 })).then(() => {
      done = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(done).toBe(false);
    expect(output.readableLength + output.writableLength).toBeLessThan(512 * 1024);
    output.resume();
    await commit;
    await sink.close();
  });

  it.each<[string, (path: string) => Promise<void>]>([
    ['cut short', (path) => truncate(path, 20)],
    ['deleted', (path) => rm(path)],
  ])('goes on from the copy of a state that is %s, and says so', async (_name, damage) => {
    await runChild({ kind: 'stdout', directory, batches });
    await damage(join(directory, 'acme', 'live.json'));
    const notices: string[] = [];
    const output = new PassThrough().resume();
    const sink = createStdoutSink({ directory, feed: 'acme', output, notice: (message) => notices.push(message) });
    expect(batchesOf((await sink.lane('live').open())?.cursor)).toBe(batches);
    expect(notices).toEqual([expect.stringContaining('Restored from its copy')]);
    await sink.close();
  });

  it('stops with exit 74 where the copy is damaged too', async () => {
    await runChild({ kind: 'stdout', directory, batches });
    for (const name of ['live.json', 'live.bak']) await truncate(join(directory, 'acme', name), 20);
    expect(await runChild({ kind: 'stdout', directory, batches })).toMatchObject({
      code: 74,
      stderr: expect.stringContaining('STATE_CORRUPT'),
    });
  });

  it('keeps what it writes readable by its owner alone', async () => {
    await runChild({ kind: 'stdout', directory, batches });
    for (const name of await readdir(directory, { recursive: true }))
      expect((await stat(join(directory, name))).mode & 0o077, name).toBe(0);
  });
});

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
