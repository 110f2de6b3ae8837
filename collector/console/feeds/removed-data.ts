import { rename, rm } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { tablesDirectoryOf } from '../../config/destination.js';
import type { FeedConfig } from '../../config/feed-config.js';
import { exists, namesIn, syncDirectory } from '../../files/durable-file.js';
import { fileNameOf } from '../../files/file-name.js';
import type { Log } from '../../log/logger.js';
import type { Supervisor } from '../../runtime/supervisor.js';
import type { FeedStore } from './feed-store.js';
import { pathBelow, type Roots } from './path-rule.js';

/*
 * Tables that go with a removed feed stay where they are until it can no longer be restored. Only then they are deleted,
 * and only where nothing but that feed has anything in their directory.
 */

export interface RemovedDataParts {
  readonly store: FeedStore;
  readonly supervisor: Supervisor;
  readonly roots: Roots;
  /** `console.directory`, absolute: it never goes. */
  readonly directory: string;
  readonly log: Log;
}

type Parts = Pick<RemovedDataParts, 'supervisor' | 'roots' | 'directory'>;

/** Directory of the tables of a feed, where it may go with the feed; else why it may not. */
export async function ownTables(
  name: string,
  parts: Parts,
): Promise<{ readonly directory: string } | { readonly refused: string }> {
  const config = parts.supervisor.find(name)?.configured?.config;
  const directory = config && tablesDirectoryOf(config);
  if (directory === undefined) return { refused: 'it has no tables here' };
  const refused = await whyNot(name, resolve(directory), parts, name);
  return refused === undefined ? { directory: resolve(directory) } : { refused };
}

/** Deletes the tables of feeds whose time to be restored is over. What may not go is logged, and stays. */
export async function deleteRemovedData(parts: RemovedDataParts): Promise<void> {
  const { store, supervisor, log } = parts;
  // Where a feed that cannot be read delivers is not known: nothing goes until it is corrected.
  if (supervisor.list().some(({ configured }) => configured === null)) return;
  for (const { name, directory } of await store.expired()) {
    const refused = await whyNot(name, directory, parts);
    if (refused === undefined) {
      // Out of the way at once, so that a crash leaves no table half deleted where it can be read.
      const doomed = `${directory}.removed`;
      await rm(doomed, { recursive: true, force: true });
      if (await exists(directory)) await rename(directory, doomed);
      await syncDirectory(join(directory, '..'));
      await rm(doomed, { recursive: true, force: true });
      log.info(`the tables of the removed feed ${name} are deleted`, { directory });
    } else
      log.warn(`the tables of the removed feed ${name} stay: ${refused}`, {
        directory,
        cure: 'Delete what is to go by hand, as the runbook says under "Uninstall".',
      });
    await store.expire(name, refused === undefined ? 'deleted' : 'kept');
  }
}

/** @param removing the feed in force that goes with its tables; undefined: it went long ago, and one of its name is another */
async function whyNot(
  name: string,
  tables: string,
  { supervisor, roots, directory }: Parts,
  removing?: string,
): Promise<string | undefined> {
  if ((await pathBelow(roots.tables, tables)) === undefined) return 'they are not below console.roots.tables';
  const overlaps = (other: string) =>
    `${other}${sep}`.startsWith(`${tables}${sep}`) || `${tables}${sep}`.startsWith(`${other}${sep}`);
  if (overlaps(directory)) return 'the console keeps its own files there';
  const neighbour = supervisor
    .list()
    .find((feed) => feed.name !== removing && feed.configured && directoriesOf(feed.configured.config).some(overlaps));
  if (neighbour !== undefined) return `the feed ${neighbour.name} uses that directory too`;
  const owners = (await namesIn(join(tables, '.state'))).filter((one) => !one.startsWith('.'));
  const foreign = owners.find((owner) => owner !== fileNameOf(name));
  return foreign === undefined ? undefined : `${foreign} has a position there too`;
}

function directoriesOf({ tables, state, inventory, respond }: FeedConfig): string[] {
  return [tables, state, inventory, respond].map(({ directory }) => resolve(directory));
}
