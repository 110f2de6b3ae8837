import type { DeadLetter } from '../../../mappings/dead-letter.js';
import { REPLAY_LANE } from '../../position/lane-name.js';
import type { Engine } from './engine.js';
import { isVanished } from './error-table.js';
import { liveFiles } from './live-files.js';
import { deadLetterTable } from './table-catalog.js';
import { deadLetterRows, replayedName } from './views.js';

const MOST_ATTEMPTS = 20;

/** A feed's dead letters by time, but for those that the replay lane has delivered. */
export async function* readDeadLetters(engine: Engine, directory: string, feed: string): AsyncGenerator<DeadLetter> {
  for (let attempt = 1; ; attempt++) {
    let begun = false;
    try {
      for await (const row of engine.stream(await statement(directory, feed))) {
        // The rows are sorted: when the first one comes every file has been read.
        begun = true;
        const filled = Object.entries(row).filter(([, value]) => value !== null);
        yield Object.fromEntries(
          filled.map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
        ) as unknown as DeadLetter;
      }
      return;
    } catch (error) {
      if (begun || attempt === MOST_ATTEMPTS || !isVanished(error)) throw error;
    }
  }
}

async function statement(directory: string, feed: string): Promise<string> {
  const paths = new Map<string, string[]>();
  for (const {
    table,
    lane,
    feed: owner,
    paths: [path = ''],
  } of await liveFiles(directory)) {
    if (owner !== feed) continue;
    for (const name of lane === REPLAY_LANE ? [table, replayedName(table)] : [table])
      paths.set(name, [...(paths.get(name) ?? []), path]);
  }
  const columns = deadLetterTable.columns.map(({ name }) => `"${name}"`).join(', ');
  return `SELECT ${columns} FROM (${deadLetterRows((name) => paths.get(name) ?? [])}) ORDER BY time_dt, uid`;
}
