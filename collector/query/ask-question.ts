import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { JsonObject } from '../../mappings/json.js';
import type { QueryLimits, QuestionLists } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { readAnswerRows, rowIdentity } from './answer-rows.js';
import { parameterValues, type Question } from './question.js';
import { runStatement } from './run-statement.js';

/** A ready question, and what is given for its parameters. */
export interface AskedQuestion {
  readonly question: Question;
  readonly parameters: ReadonlyMap<string, string>;
  readonly lists: QuestionLists;
}

/** A row of an answer by column name, and the name under which it is known again. */
export interface FoundRow {
  readonly identity: string;
  readonly row: JsonObject;
}

/** Where a question is asked, and how much it may take. */
export interface AskSetting {
  readonly directory: string;
  /** The account whose events alone are read. */
  readonly account: string;
  readonly limits: QueryLimits;
  /** An answer with more rows is refused. */
  readonly mostRows: number;
  readonly now: number;
}

/**
 * Asks a ready question in a process of its own.
 * @throws CollectorError what ended it; QUERY_LIMIT_REACHED for too many rows; ABORTED at the signal
 */
export async function askQuestion(
  { question, parameters, lists }: AskedQuestion,
  { directory, account, limits, mostRows, now }: AskSetting,
  signal: AbortSignal,
): Promise<FoundRow[]> {
  const ended = new AbortController();
  const temporaryDirectory = await mkdtemp(join(tmpdir(), 'jumpcloud-ocsf-query-'));
  try {
    const stdout = new PassThrough();
    const running = runStatement(
      {
        sql: question.sql,
        parameters: parameterValues(question, { parameters, lists }, now),
        directory,
        account,
        format: 'rows',
        output: undefined,
        limits,
        skipDamaged: false,
        temporaryDirectory,
      },
      {
        signal: AbortSignal.any([signal, ended.signal]),
        stdout,
        // It needs none of this process's secrets.
        env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR },
      },
    );
    const answer = await readAnswerRows(stdout);
    const found: FoundRow[] = [];
    for await (const values of answer?.rows ?? []) {
      if (found.length === mostRows) {
        ended.abort();
        break;
      }
      const { columns } = answer!;
      const row = Object.fromEntries(columns.map(({ name }, index) => [name, values[index] ?? null]));
      found.push({ identity: rowIdentity(question.name, columns, values, question.row), row });
    }
    const { fault } = await running;
    if (signal.aborted) throw new CollectorError('ABORTED', 'The question was ended.', { cure: 'Ask again.' });
    if (ended.signal.aborted)
      throw new CollectorError('QUERY_LIMIT_REACHED', `The question ${question.name} has more than ${mostRows} rows.`, {
        cure: 'Narrow it by its parameters (query --list shows them).',
      });
    if (fault !== undefined) throw new CollectorError(fault.code, fault.message, fault);
    return found;
  } finally {
    await rm(temporaryDirectory, { recursive: true, force: true });
  }
}
