import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ConfiguredFeed } from '../../collector/config/configured-feed.js';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { openFeedStore } from '../../collector/console/feeds/feed-store.js';
import { deleteRemovedData, ownTables } from '../../collector/console/feeds/removed-data.js';
import { createLog } from '../../collector/log/logger.js';
import type { Supervisor } from '../../collector/runtime/supervisor.js';
import { folder } from '../cli/command.js';

const DAY = 24 * 60 * 60_000;
const ana = { name: 'ana', kind: 'session', at: '2026-11-01T00:00:00Z' } as const;

/** A console's store with feeds in force, its clock the test's. */
function place() {
  const root = realpathSync(folder());
  const clock = { now: Date.parse(ana.at) };
  const directory = join(root, 'tables', 'console');
  const store = openFeedStore(directory, () => clock.now);
  const { readFeed } = loadConfig({ env: { CONSOLE_ENABLED: 'true' }, readFile: readFileFromDisk });
  const inForce = new Map<string, ConfiguredFeed | null>();
  const supervisor = {
    list: () => [...inForce].map(([name, configured]) => ({ name, configured })),
    find: (name: string) => inForce.has(name) && { name, configured: inForce.get(name) },
  } as unknown as Supervisor;
  const log = createLog({ level: 'error', format: 'json' });
  const parts = { store, supervisor, roots: { tables: join(root, 'tables'), secrets: root, ca: root }, directory, log };
  const save = (name: string) =>
    store.save({ name, document: { name }, secrets: new Map(), paths: new Map(), author: ana, action: 'restored' });
  return {
    root,
    clock,
    store,
    inForce,
    parts,
    /** A feed in force that has delivered, and the directory of its tables. */
    feed(name: string, tables = name, owner = name): string {
      const at = join(root, 'tables', tables);
      const yaml = `tables: {directory: ${JSON.stringify(at)}}\n`;
      inForce.set(name, readFeed(name, yaml, `${name}.yaml`) as ConfiguredFeed);
      for (const below of ['.state/.tables', `.state/${owner}`, 'authentication'])
        mkdirSync(join(at, below), { recursive: true });
      writeFileSync(join(at, 'authentication', 'one.parquet'), 'PAR1');
      return at;
    },
    async remove(name: string) {
      const own = await ownTables(name, parts);
      inForce.delete(name);
      await save(name);
      await store.remove(name, ana, 'directory' in own ? own.directory : undefined);
      return own;
    },
    save,
  };
}

it('A7: tables go with their feed when it can no longer be restored, and not before', async () => {
  const { clock, feed, remove, parts, store } = place();
  const [acme, north] = [feed('acme'), feed('north')];
  expect(await remove('acme')).toEqual({ directory: acme });
  clock.now += 30 * DAY - 1;
  await deleteRemovedData(parts);
  expect([existsSync(acme), (await store.removed()).length]).toEqual([true, 1]);
  clock.now += 1;
  await deleteRemovedData(parts);
  expect([existsSync(acme), existsSync(`${acme}.removed`), existsSync(north)]).toEqual([false, false, true]);
  expect((await store.revisions('acme')).map(({ action }) => action)).toEqual(['deleted', 'removed', 'restored']);
  // A later feed of that name has tables of its own.
  feed('acme');
  await deleteRemovedData(parts);
  expect(existsSync(acme)).toBe(true);
});

it('A7: a feed that was restored, or made again, keeps its tables', async () => {
  const { clock, feed, remove, parts, save } = place();
  const acme = feed('acme');
  await remove('acme');
  await save('acme');
  clock.now += 40 * DAY;
  await deleteRemovedData(parts);
  expect(existsSync(acme)).toBe(true);
});

it('A7: a feed of the same name that a file configures meanwhile keeps the directory that it uses', async () => {
  const { clock, feed, remove, parts, store } = place();
  const acme = feed('acme');
  await remove('acme');
  feed('acme');
  clock.now += 31 * DAY;
  await deleteRemovedData(parts);
  expect([existsSync(acme), (await store.expired()).length]).toEqual([true, 0]);
});

it('A7: tables that another feed shares, or the console, or that lie elsewhere, do not go', async () => {
  const { root, clock, feed, inForce, parts, remove } = place();
  feed('inner', 'outer/inner');
  const refused = async (name: string) => ((await ownTables(name, parts)) as { refused: string }).refused;
  feed('outer', 'outer');
  expect(await refused('outer')).toBe('the feed inner uses that directory too');
  feed('shared', 'shared', 'other');
  expect(await refused('shared')).toBe('other has a position there too');
  feed('above', '.');
  expect(await refused('above')).toMatch(/console.roots.tables/);
  inForce.delete('above');
  feed('outside', '../elsewhere');
  expect(await refused('outside')).toMatch(/console.roots.tables/);
  feed('self', 'console/feeds');
  expect(await refused('self')).toBe('the console keeps its own files there');

  const late = feed('late');
  await remove('late');
  clock.now += 31 * DAY;
  inForce.set('unread', null);
  await deleteRemovedData(parts);
  expect([existsSync(late), (await parts.store.expired()).length]).toEqual([true, 1]);
  inForce.delete('unread');
  mkdirSync(join(late, '.state', 'newcomer'));
  await deleteRemovedData(parts);
  expect(existsSync(late)).toBe(true);
  expect((await parts.store.expired()).length).toBe(0);
  expect(existsSync(join(root, 'elsewhere'))).toBe(true);
});
