import { text } from 'node:stream/consumers';
import { CollectorError, exitCodes } from '../errors.js';
import { openTables } from '../query/open-tables.js';
import { type AnswerFormat, render } from '../query/render.js';
import { put } from './output.js';

/** `query`: one statement over the tables, answered on stdout. */
export async function query(options: {
  sql: string;
  tablesDirectory?: string | undefined;
  format: AnswerFormat;
}): Promise<number> {
  const sql = options.sql === '-' ? await text(process.stdin) : options.sql;
  if (sql.trim() === '')
    throw new CollectorError('USAGE', 'There is no statement.', {
      cure: 'Give one SELECT in quotes, or - and write it to stdin.',
    });
  const directory = options.tablesDirectory ?? process.env.TABLES_DIRECTORY ?? './data/tables';
  const tables = await openTables(directory);
  try {
    const answer = await tables.query(sql);
    for await (const piece of render(answer, options.format, process.stdout.columns || 160)) {
      await put(process.stdout, piece);
    }
  } finally {
    await tables.close();
  }
  return exitCodes.done;
}
