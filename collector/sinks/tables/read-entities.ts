import type { Entity } from '../sink.js';
import { quoteText } from './columns.js';
import type { Engine } from './engine.js';
import { entityTable } from './table-catalog.js';
import { readTables } from './tables-snapshot.js';
import { typedRows } from './views.js';

/** The present state of a feed's entities of these types: the newest row of each key, unless it is a tombstone. */
export async function* readEntities(
  engine: Engine,
  directory: string,
  feed: string,
  types: readonly string[],
): AsyncGenerator<Entity> {
  const content = await readTables(directory);
  const rows = typedRows(entityTable, content.get(entityTable.name)?.files ?? []);
  const wanted = types.map(quoteText).join(', ');
  const newest = `SELECT type, key, max("time") AS "time", arg_max(deleted, "time") AS deleted, arg_max(value::VARCHAR, "time") AS value FROM (${rows}) WHERE feed = ${quoteText(feed)} AND type IN (${wanted}) GROUP BY type, key`;
  for await (const row of engine.stream(`SELECT type, key, "time", value FROM (${newest}) WHERE NOT deleted`))
    yield {
      type: String(row.type),
      key: String(row.key),
      value: String(row.value),
      observedAt: Number(row.time),
    };
}
