import { type OpenTables, openTables } from '../../../collector/query/open-tables.js';
import type { PlainValue } from '../../../collector/sinks/tables/duckdb-value.js';
import { type Delivered, newestStates } from '../../contract/sink-contract.js';

/** All rows of an answer. */
export function rowsOf(directory: string, sql: string): Promise<PlainValue[][]> {
  return whileOpen(directory, (tables) => answerOf(tables, sql));
}

async function whileOpen<T>(directory: string, work: (tables: OpenTables) => Promise<T>): Promise<T> {
  const tables = await openTables(directory);
  try {
    return await work(tables);
  } finally {
    await tables.close();
  }
}

async function answerOf(tables: OpenTables, sql: string): Promise<PlainValue[][]> {
  const answer = await tables.query(sql);
  const rows: PlainValue[][] = [];
  for await (const row of answer.rows) rows.push([...row]);
  return rows;
}

/** The uids that a reader of the tables sees, repeats included. */
export function readDelivered(directory: string): Promise<Delivered> {
  return whileOpen(directory, async (tables) => {
    const uids = async (expression: string) =>
      (await answerOf(tables, `SELECT ${expression}`)).map(([uid]) => String(uid));
    return {
      events: await uids('metadata.uid FROM events'),
      deadLetters: await uids('uid FROM dead_letters'),
      raw: await uids('uid FROM raw_records'),
      entities: newestStates(
        (await answerOf(tables, 'SELECT type, key, deleted, value FROM entities ORDER BY time')).map(
          ([type, key, deleted, value]) => ({
            type: String(type),
            key: String(key),
            value: deleted === true ? null : JSON.parse(String(value)),
          }),
        ),
      ),
    };
  });
}
