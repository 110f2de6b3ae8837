import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { JsonValue } from '../../mappings/json.js';
import type { QueryColumn } from './open-tables.js';

/** An answer that a statement's process writes as `rows`. */
export interface AnswerRows {
  readonly columns: readonly QueryColumn[];
  /** Read as they come; values in the order of the columns, as JSON has them. */
  readonly rows: AsyncIterable<readonly JsonValue[]>;
}

/** Reads what `renderRows` writes. @returns undefined where it ends before its first line: the statement failed */
export async function readAnswerRows(stdout: Readable): Promise<AnswerRows | undefined> {
  const lines = createInterface({ input: stdout, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  const head = await lines.next();
  if (head.done === true) return undefined;
  const { columns } = JSON.parse(head.value) as { columns: QueryColumn[] };
  return {
    columns,
    rows: (async function* () {
      for (let line = await lines.next(); line.done !== true; line = await lines.next())
        yield (JSON.parse(line.value) as { row: JsonValue[] }).row;
    })(),
  };
}

/**
 * Names a row among those of a statement, whenever it is asked.
 * @param about the question or the statement
 * @param key columns that say which row it is; undefined: all of them
 */
export function rowIdentity(
  about: string,
  columns: readonly QueryColumn[],
  row: readonly JsonValue[],
  key: readonly string[] | undefined,
): string {
  const kept = columns.flatMap(({ name }, index) =>
    key === undefined || key.includes(name) ? [[name, row[index] ?? null]] : [],
  );
  return createHash('sha256')
    .update(JSON.stringify([about, kept]))
    .digest('hex')
    .slice(0, 32);
}
