import { randomUUID } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, makeDirectory, namesIn, syncDirectory, writeSynced } from '../../files/durable-file.js';
import { type DataFile, ofLaneId } from './data-file.js';
import { stateDirectory } from './layout.js';

const NAME = 'keep-days';
const ALL = 'all';

/** How many whole days each feed keeps, by the name of its state's directory; undefined: all. */
export type FeedRetentions = ReadonlyMap<string, number | undefined>;

/**
 * Notes how many days a feed keeps: the tables are maintained for all feeds together, also for those that nobody runs any
 * more.
 */
export async function noteRetention(directory: string, feed: string, keepDays: number | undefined): Promise<void> {
  const state = stateDirectory(directory, feed);
  const text = `${keepDays ?? ALL}\n`;
  await makeDirectory(state);
  if ((await textOf(join(state, NAME))) === text) return;
  const temporary = join(state, `.${NAME}-${randomUUID()}`);
  await writeSynced(temporary, text);
  await rename(temporary, join(state, NAME));
  await syncDirectory(state);
}

/** What every feed noted. */
export async function readRetentions(directory: string): Promise<FeedRetentions> {
  const retentions = new Map<string, number | undefined>();
  for (const feed of await namesIn(join(directory, '.state'))) {
    const days = Number((await textOf(join(directory, '.state', feed, NAME))) ?? Number.NaN);
    retentions.set(feed, Number.isSafeInteger(days) && days >= 0 ? days : undefined);
  }
  return retentions;
}

/** The days that the feeds with rows in a file keep. */
export function retentionsOf(file: DataFile, directory: string, retentions: FeedRetentions): (number | undefined)[] {
  const feeds = new Set(Object.keys(file.lanes).map((id) => ofLaneId(id).feed));
  return [...feeds].map((feed) => retentions.get(stateDirectory(directory, feed).split('/').at(-1) ?? ''));
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
