import { readdirSync } from 'node:fs';
import { openTables } from '../../../collector/query/open-tables.js';
import type { PlainValue } from '../../../collector/sinks/tables/duckdb-value.js';
import { textOfRow } from '../../../collector/sinks/tables/row-json.js';
import { classTables } from '../../../collector/sinks/tables/table-catalog.js';

/** The events that a directory of tables holds, each as the JSON text that it was written as, by uid. */
export async function readEvents(directory: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const tables = await openTables(directory);
  try {
    const names = readdirSync(directory);
    for (const table of classTables.values()) {
      if (!names.includes(table.name)) continue;
      // A view's flat columns come first; an object of the same name has an ending there.
      const answer = await tables.query(`SELECT * FROM ${table.name}`);
      for await (const values of answer.rows) {
        const row: Record<string, PlainValue> = {};
        for (const [index, { name }] of answer.columns.entries())
          row[name.replace(/_object$/, '')] = values[index] ?? null;
        texts.set((row.metadata as { uid: string }).uid, textOfRow(table.columns, row));
      }
    }
  } finally {
    await tables.close();
  }
  return texts;
}
