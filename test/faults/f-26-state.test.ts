import { chmod, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openTables } from '../../collector/query/open-tables.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { compare, feedFor, HOUR, MINUTE, noon, tenantFor } from '../pipeline/feed-under-test.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const equal = { missing: 0, repeated: 0, unknown: 0 };
const start = (now: number) => now - 3600;

/** A feed into real tables that has run once, and what is needed to go on. */
async function collectedOnce() {
  const directory = await mkdtemp(join(tmpdir(), 'f-26-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 300, from: noon - HOUR, to: noon + HOUR });
  const notices: string[] = [];
  const newFeed = () => {
    const sink = createTablesSink({ directory, feed: 'under-test', clock: time, notice: (told) => notices.push(told) });
    onTestFinished(() => sink.close());
    return feedFor(tenant, sink, time, { start });
  };
  const first = newFeed();
  await first.once();
  const names = await readdir(directory, { recursive: true });
  const file = (suffix: string) =>
    join(directory, names.find((name) => name.includes('.state') && name.endsWith(suffix))!);
  return { directory, time, tenant, notices, newFeed, first, state: file('live.json'), copy: file('live.bak') };
}

async function* texts(directory: string): AsyncGenerator<string> {
  const tables = await openTables(directory);
  try {
    const { rows } = await tables.query('SELECT raw_data FROM events UNION ALL SELECT raw FROM dead_letters');
    for await (const [text] of rows) yield String(text);
  } finally {
    await tables.close();
  }
}

it('F-26: an absent state is a first run, and the log says so', async () => {
  const { first } = await collectedOnce();
  expect(first.told.notes.join()).toContain('first run');
});

describe('F-26: a state that', () => {
  const damages: readonly (readonly [string, (path: string) => Promise<void>])[] = [
    ['is empty', (path) => writeFile(path, '')],
    ['is half written', async (path) => writeFile(path, (await readFile(path, 'utf8')).slice(0, 200))],
    [
      'has another version',
      async (path) => writeFile(path, (await readFile(path, 'utf8')).replace('"version":2', '"version":99')),
    ],
    ['was deleted', (path) => unlink(path)],
  ];

  it.each(damages)('%s is restored from its copy, and nothing is lost or repeated', async (_name, damage) => {
    const { directory, time, tenant, notices, newFeed, state } = await collectedOnce();
    await damage(state);
    time.pass(70 * MINUTE);
    await newFeed().once();
    expect(notices.join()).toContain('Restored from its copy');
    expect(await compare(tenant.ledger, texts(directory))).toMatchObject({ expected: 300, ...equal });
  });

  it.each(damages)('%s, as its copy, stops the feed: never a silent first run', async (_name, damage) => {
    const { time, newFeed, state, copy } = await collectedOnce();
    await damage(state);
    await damage(copy);
    time.pass(10 * MINUTE);
    const stopped = newFeed();
    await expect(stopped.until(noon + 5 * HOUR)).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    expect(stopped.told.notes.join()).not.toContain('first run');
  });

  it('has members nobody knows is read all the same', async () => {
    const { directory, time, tenant, newFeed, state } = await collectedOnce();
    const value = JSON.parse(await readFile(state, 'utf8')) as { cursor: Record<string, unknown> };
    await writeFile(state, JSON.stringify({ ...value, novelty: 1, cursor: { ...value.cursor, novelty: [2] } }));
    time.pass(70 * MINUTE);
    await newFeed().once();
    expect(await compare(tenant.ledger, texts(directory))).toMatchObject({ expected: 300, ...equal });
  });

  // The owner of all files may write them whatever their mode says.
  it.skipIf(process.getuid?.() === 0)('may not be written holds the position and complains', async () => {
    const { directory, time, tenant, newFeed, state } = await collectedOnce();
    const folder = join(state, '..');
    await chmod(folder, 0o500);
    time.pass(10 * MINUTE);
    const held = newFeed();
    await expect(held.once()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await chmod(folder, 0o700);
    time.pass(60 * MINUTE);
    await newFeed().once();
    expect(await compare(tenant.ledger, texts(directory))).toMatchObject({ expected: 300, ...equal });
  });
});
