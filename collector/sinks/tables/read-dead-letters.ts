import type { DeadLetter } from '../../../mappings/dead-letter.js';
import type { Engine } from './engine.js';
import { isVanished } from './error-table.js';
import { deadLetterTable } from './table-catalog.js';
import { readTables } from './tables-snapshot.js';
import { deadLetterRows } from './views.js';

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
  const content = await readTables(directory);
  const columns = deadLetterTable.columns.map(({ name }) => `"${name}"`).join(', ');
  const letters = deadLetterRows((table) => content.get(table)?.files ?? [], feed);
  return `SELECT ${columns} FROM (${letters}) ORDER BY time_dt, uid`;
}
