import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { isObject, type JsonValue } from '../../mappings/json.js';
import { CollectorError, storageFailed } from '../errors.js';
import { isMissing, replaceFile } from '../files/durable-file.js';
import { put } from '../files/put.js';
import { readAnswerRows, rowIdentity } from '../query/answer-rows.js';
import type { QueryAnswer } from '../query/open-tables.js';
import { type AnswerFormat, render } from '../query/render.js';
import { runStatement } from '../query/run-statement.js';
import type { StatementReport, StatementRequest } from '../query/statement-request.js';

/** Rows that have not been in an answer for so long are forgotten. */
const FORGOTTEN_AFTER_MS = 90 * 86_400_000;

/** Row identity → when it was in an answer last, epoch milliseconds. */
type Seen = ReadonlyMap<string, number>;

/** Which rows are the same, and where they are remembered. */
export interface NewRowsRequest {
  /** Remembers rows; made by the first run, to which every row is new. */
  readonly file: string;
  readonly format: AnswerFormat;
  /** The question's name, or the statement. */
  readonly about: string;
  /** Columns that say which row one is; undefined: all of them. */
  readonly key: readonly string[] | undefined;
  readonly now: number;
  readonly signal: AbortSignal;
}

/**
 * Shows the rows that earlier runs have not shown, as they come. They are remembered once they are shown: a run that breaks
 * off between the two shows them again.
 * @returns how many rows are new
 */
export async function showNewRows(
  request: StatementRequest,
  { file, format, about, key, now, signal }: NewRowsRequest,
): Promise<{ report: StatementReport; count: number }> {
  const seen = await readSeen(file);
  const stdout = new PassThrough();
  const running = runStatement({ ...request, format: 'rows' }, { signal, stdout });
  const answer = await readAnswerRows(stdout);
  const remembered = new Map([...seen].filter(([, at]) => now - at < FORGOTTEN_AFTER_MS));
  let count = 0;
  if (answer !== undefined) {
    const fresh = (async function* () {
      for await (const row of answer.rows) {
        const identity = rowIdentity(about, answer.columns, row, key);
        remembered.set(identity, now);
        if (seen.has(identity)) continue;
        count += 1;
        yield row.map(plain);
      }
    })();
    const first = await fresh.next();
    if (first.done !== true) await show({ columns: answer.columns, rows: withFirst(first.value, fresh) }, format);
  }
  const report = await running;
  if (report.fault !== undefined || signal.aborted) return { report, count: 0 };
  const text = JSON.stringify({ version: 1, rows: Object.fromEntries(remembered) });
  await replaceFile(file, `${text}\n`).catch((error: unknown) => {
    throw storageFailed(error, dirname(file));
  });
  return { report, count };
}

async function* withFirst<T>(first: T, others: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* others;
}

async function show(answer: QueryAnswer, format: AnswerFormat): Promise<void> {
  const { columns, isTTY } = process.stdout;
  for await (const piece of render(answer, format, { width: columns || 160, terminal: isTTY }))
    await put(process.stdout, piece);
}

function plain(value: JsonValue | undefined): string | number | boolean | null {
  return typeof value === 'object' ? (value === null ? null : JSON.stringify(value)) : (value ?? null);
}

async function readSeen(file: string): Promise<Seen> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return new Map();
    throw storageFailed(error, dirname(file));
  }
  try {
    const stored: JsonValue = JSON.parse(content);
    if (isObject(stored) && stored.version === 1 && isObject(stored.rows)) {
      const entries = Object.entries(stored.rows).filter(
        (entry): entry is [string, number] => typeof entry[1] === 'number',
      );
      return new Map(entries);
    }
  } catch {
    // Said below: a file of somebody else is not overwritten.
  }
  throw new CollectorError('USAGE', `${file} is no file of --seen.`, {
    cure: 'Name one that does not exist: the first run makes it.',
  });
}
