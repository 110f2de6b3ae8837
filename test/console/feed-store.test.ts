import { mkdtempSync, readFileSync } from 'node:fs';
import { type FileHandle, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { parse } from 'yaml';
import { hashPassword } from '../../collector/console/accounts/password.js';
import { openUsers } from '../../collector/console/accounts/users.js';
import { type Document, fingerprintOf, valueAt } from '../../collector/console/feeds/document.js';
import { type FeedStore, openFeedStore, storedFingerprint } from '../../collector/console/feeds/feed-store.js';

/** Where the process ends: before the step of this number that changes the disk. */
const end = { before: Number.POSITIVE_INFINITY, steps: 0, reached: () => {} };
const opened = new Set<FileHandle>();
const volume = { hasLinks: true };

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  /** The last step is done in part at most, and nothing comes after it. */
  const step =
    <A extends unknown[], R>(whole: (...args: A) => Promise<R>, part?: (...args: A) => Promise<unknown>) =>
    async (...args: A): Promise<R> => {
      end.steps += 1;
      if (end.steps < end.before) return whole(...args);
      if (end.steps === end.before) await part?.(...args);
      end.reached();
      return new Promise(() => {});
    };
  const open = async (...args: Parameters<typeof real.open>) => {
    const handle = await real.open(...args);
    opened.add(handle);
    const writeFile = handle.writeFile.bind(handle);
    handle.writeFile = step(writeFile, (data) => writeFile(String(data).slice(0, String(data).length / 2)));
    handle.sync = step(handle.sync.bind(handle));
    return handle;
  };
  const link = async (...args: Parameters<typeof real.link>) => {
    if (!volume.hasLinks) throw Object.assign(new Error('no links'), { code: 'EPERM' });
    return real.link(...args);
  };
  return {
    ...real,
    open: step(open),
    rename: step(real.rename),
    rm: step(real.rm),
    link: step(link),
    mkdir: step(real.mkdir),
  };
});

const NAME = 'acme';
const KEY = 'jumpcloud.apiKey';
const [OLD, NEW] = ['jca_0123456789abcdef0123456789abcdef0001', 'jca_0123456789abcdef0123456789abcdef0002'];
const document = (key: string, interval: string): Document => ({
  name: NAME,
  jumpcloud: { apiKey: { stored: fingerprintOf(key) } },
  poll: { interval },
});
const fingerprintIn = (gone: Document) => storedFingerprint(valueAt(gone, KEY.split('.'))) ?? '';
const author = { name: 'ana', kind: 'session', at: '2026-11-29T12:00:00Z' } as const;
type Action = Parameters<FeedStore['save']>[0]['action'];
const save = (action: Action, key: string, interval: string) => (store: FeedStore) =>
  store.save({
    name: NAME,
    document: document(key, interval),
    secrets: new Map([[KEY, key]]),
    paths: new Map(),
    author,
    action,
  });
const remove = (store: FeedStore) => store.remove(NAME, author, undefined);
const create = save('created', OLD, '60s');

/** What is in place: read as `run` reads it, and as the pages do. What was removed can be restored with its key. */
async function inPlace(store: FeedStore, directory: string, wasThere: boolean) {
  const found = await store.find(NAME);
  expect(await store.names()).toEqual(found === undefined ? [] : [NAME]);
  for (const { number } of await store.revisions(NAME)) expect(number).toBeGreaterThan(0);
  const removed = await store.removed();
  expect(removed.map((revision) => revision.document.name)).toEqual(found === undefined && wasThere ? [NAME] : []);
  for (const { document: gone } of removed) expect(await store.secret(NAME, KEY, fingerprintIn(gone))).toBeDefined();
  if (found === undefined) return undefined;
  const run = parse(readFileSync(join(directory, 'feeds.d', `${NAME}.yaml`), 'utf8'));
  const key = readFileSync(run.jumpcloud.apiKey.file, 'utf8');
  // One document, whole: the key of the one and the interval of the other are neither.
  expect(found.document).toEqual(document(key, run.poll.interval));
  return `${key} ${run.poll.interval}`;
}

it.each([
  ['added', [], create, undefined, `${OLD} 60s`],
  ['edited', [create], save('changed', OLD, '5m'), `${OLD} 60s`, `${OLD} 5m`],
  ['given a new key', [create], save('renewed', NEW, '60s'), `${OLD} 60s`, `${NEW} 60s`],
  ['removed', [create], remove, `${OLD} 60s`, undefined],
  ['restored', [create, remove], save('restored', OLD, '60s'), undefined, `${OLD} 60s`],
] as const)(
  'a process that ends at any step of a feed being %s leaves it as it was or as it is to be',
  async (...of) => {
    const [, before, act, was, is] = of;
    await atEachStep(async (directory, cutShort) => {
      const store = openFeedStore(directory, () => Date.parse(author.at));
      for (const one of before) await one(store);
      const outcome = await cutShort(() => act(store));
      const again = openFeedStore(directory, () => Date.parse(author.at));
      await again.sweep();
      const found = await inPlace(again, directory, before.length > 0);
      expect(outcome === 'done' ? [is] : [was, is]).toContain(found);
      // What was not acknowledged is done again.
      if (found !== is) await act(again);
      expect(await inPlace(again, directory, before.length > 0)).toBe(is);
    });
  },
);

const password = await hashPassword('correct horse battery staple');
const ana = { name: 'ana', role: 'admin', createdAt: author.at, createdBy: 'ana', password } as const;

it('a process that ends at any step of a user being made leaves none, or one who can log in', async () => {
  await atEachStep(async (directory, cutShort) => {
    const outcome = await cutShort(() => openUsers(directory).create(ana));
    const users = openUsers(directory);
    const found = await users.list();
    expect(outcome === 'done' ? [[ana]] : [[], [ana]]).toContainEqual(found);
    expect(await users.create(ana)).toBe(found.length === 0);
    expect(await users.list()).toEqual([ana]);
  });
});

it('a user is made where the volume has no hard links too, and no second one of that name', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'console-store-'));
  volume.hasLinks = false;
  onTestFinished(async () => {
    volume.hasLinks = true;
    await rm(directory, { recursive: true, force: true });
  });
  const users = openUsers(directory);
  expect([await users.create(ana), await users.create({ ...ana, role: 'viewer' })]).toEqual([true, false]);
  expect(await users.list()).toEqual([ana]);
});

type CutShort = (act: () => Promise<unknown>) => Promise<'done' | 'ended'>;

/** Has an act cut short before its first step that changes the disk, before its second, and so on, each time elsewhere. */
async function atEachStep(round: (directory: string, cutShort: CutShort) => Promise<void>): Promise<void> {
  let steps = Number.POSITIVE_INFINITY;
  for (let at = 1; at <= steps; at += 1) {
    const directory = mkdtempSync(join(tmpdir(), 'console-store-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    await round(directory, async (act) => {
      const ended = new Promise<'ended'>((resolve) => {
        Object.assign(end, { before: at, steps: 0, reached: () => resolve('ended') });
      });
      const outcome = await Promise.race([ended, act().then(() => 'done' as const)]);
      if (outcome === 'done') steps = end.steps;
      end.before = Number.POSITIVE_INFINITY;
      for (const handle of opened) await handle.close();
      opened.clear();
      return outcome;
    });
  }
  expect(steps, 'it was cut short at each of them').toBeGreaterThan(5);
}
