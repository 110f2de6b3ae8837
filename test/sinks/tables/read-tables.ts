import { openTables } from '../../../collector/query/open-tables.js';
import type { PlainValue } from '../../../collector/sinks/tables/duckdb-value.js';
import { type Delivered, newestStates } from '../../contract/sink-contract.js';

/** All rows of an answer. */
export async function rowsOf(directory: string, sql: string): Promise<PlainValue[][]> {
  const tables = await openTables(directory);
  try {
    const answer = await tables.query(sql);
    const rows: PlainValue[][] = [];
    for await (const row of answer.rows) rows.push([...row]);
    return rows;
  } finally {
    await tables.close();
  }
}

/** The uids that a reader of the tables sees, repeats included. */
export async function readDelivered(directory: string): Promise<Delivered> {
  const uids = async (expression: string) =>
    (await rowsOf(directory, `SELECT ${expression}`)).map(([uid]) => String(uid));
  return {
    events: await uids('metadata.uid FROM events'),
    deadLetters: await uids('uid FROM dead_letters'),
    raw: await uids('uid FROM raw_records'),
    entities: newestStates(
      (await rowsOf(directory, 'SELECT type, key, deleted, value FROM entities ORDER BY time')).map(
        ([type, key, deleted, value]) => ({
          type: String(type),
          key: String(key),
          value: deleted === true ? null : JSON.parse(String(value)),
        }),
      ),
    ),
  };
}
