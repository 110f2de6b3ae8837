import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { JsonValue } from '../../mappings/json.js';
import type { QueryColumn } from './open-tables.js';

/** An answer that a statement's process writes as `rows`. */
export interface AnswerRows {
  readonly columns: readonly QueryColumn[];
  /** Read as they come; values in the order of the columns, as JSON has them. */
  readonly rows: AsyncIterable<readonly JsonValue[]>;
}

/**
 * Reads what `renderRows` writes. It ends where the process was ended, also in the middle of a line: whether the answer is
 * whole is in the statement's report alone.
 * @returns undefined where it ends before its first line: the statement failed
 */
export async function readAnswerRows(stdout: Readable): Promise<AnswerRows | undefined> {
  const lines = wholeLines(stdout);
  const head = await lines.next();
  if (head.done === true) return undefined;
  const { columns } = JSON.parse(head.value) as { columns: QueryColumn[] };
  return {
    columns,
    rows: (async function* () {
      for await (const line of lines) yield (JSON.parse(line) as { row: JsonValue[] }).row;
    })(),
  };
}

/** The lines of `rows` as they come; a last one that is cut is left out. Leaving the loop leaves the stream open. */
export async function* wholeLines(stdout: Readable): AsyncGenerator<string, void, void> {
  let rest = '';
  for await (const piece of stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
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
