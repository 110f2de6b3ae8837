import { randomUUID } from 'node:crypto';
import { mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { QueryLimits, QuestionLists } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { defaultConfigFile, loadQuerySettings, readFileFromDisk } from '../config/load-config.js';
import { CollectorError, errno, exitCodes, storageFailed } from '../errors.js';
import { syncDirectory, syncFile } from '../files/durable-file.js';
import { put } from '../files/put.js';
import { describeViews } from '../query/describe-views.js';
import type { QueryColumn } from '../query/open-tables.js';
import { parameterValues } from '../query/question.js';
import { questionNamed, readQuestions } from '../query/read-questions.js';
import { type AnswerFormat, render } from '../query/render.js';
import { runStatement } from '../query/run-statement.js';
import type { StatementReport, StatementRequest } from '../query/statement-request.js';
import type { PlainValue } from '../sinks/tables/duckdb-value.js';
import { type NewRowsRequest, showNewRows } from './new-rows.js';
import { writeText } from './output.js';
import { progressLine } from './progress.js';
import { StopSignal } from './stop-signal.js';

export type QueryOptions = Flags & {
  sql?: string | undefined;
  list: boolean;
  views: boolean;
  account?: string | undefined;
  name?: string | undefined;
  param: readonly string[];
  tablesDirectory?: string | undefined;
  format: AnswerFormat | 'parquet';
  output?: string | undefined;
  newRowsExit?: number | undefined;
  seen?: string | undefined;
  skipDamaged: boolean;
};

/** `query`: one statement over the tables, or a ready question, answered on stdout or in a file. */
export async function query(options: QueryOptions): Promise<number> {
  if (options.list) return listQuestions(options.format);
  const directory = options.tablesDirectory ?? process.env.TABLES_DIRECTORY ?? './data/tables';
  if (options.views) return listViews(directory, options.format);
  if (options.format === 'parquet' && options.output === undefined)
    throw new CollectorError('USAGE', 'Parquet is written to a file.', { cure: 'Name it: --output FILE.' });
  const { limits, lists } = loadQuerySettings({
    flags: options,
    env: process.env,
    readFile: readFileFromDisk,
    defaultFile: defaultConfigFile,
  });
  const { about, key, ...statement } = await statementOf(options, lists);
  const stop = new StopSignal();
  const temporaryDirectory = await mkdtemp(join(tmpdir(), 'jumpcloud-ocsf-query-'));
  try {
    const request: StatementRequest = {
      ...statement,
      directory,
      account: options.account,
      format: options.format,
      output: undefined,
      limits,
      skipDamaged: options.skipDamaged,
      temporaryDirectory,
    };
    if (options.newRowsExit !== undefined) {
      const shown = await showNewRows(request, {
        ...newRowsOf(options),
        about,
        key,
        now: Date.now(),
        signal: stop.signal,
      });
      finish(shown.report, options.skipDamaged, stop.signal);
      return shown.count > 0 ? options.newRowsExit : exitCodes.done;
    }
    const report =
      options.output === undefined
        ? await shownWithProgress(request, stop.signal)
        : await writtenToFile(options.output, request, stop.signal);
    finish(report, options.skipDamaged, stop.signal);
    return exitCodes.done;
  } finally {
    await rm(temporaryDirectory, { recursive: true, force: true });
    stop.pass();
  }
}

/** @throws CollectorError where the statement failed and was not ended by a signal */
function finish({ fault, skipped }: StatementReport, skipDamaged: boolean, signal: AbortSignal): void {
  if (skipDamaged) for (const file of skipped) writeText(process.stderr, `left out: ${file}\n`);
  if (fault !== undefined && !signal.aborted)
    throw Object.assign(new CollectorError(fault.code, fault.message, fault), { stack: fault.stack });
}

/** What `--new-rows-exit` goes with. @throws CollectorError USAGE */
function newRowsOf({ newRowsExit, seen, format, output }: QueryOptions): { file: string; format: AnswerFormat } {
  if (!Number.isInteger(newRowsExit) || Number(newRowsExit) < 1 || Number(newRowsExit) > 125)
    throw new CollectorError('USAGE', '--new-rows-exit is no exit code.', {
      cure: 'Give one from 1 to 125, such as 79.',
    });
  if (seen === undefined)
    throw new CollectorError('USAGE', '--new-rows-exit needs a file that remembers rows.', {
      cure: 'Name one: --seen FILE; the first run makes it.',
    });
  if (format === 'parquet' || output !== undefined)
    throw new CollectorError('USAGE', '--new-rows-exit shows the new rows on stdout.', {
      cure: 'Leave out --output and --format parquet.',
    });
  return { file: seen, format };
}

async function statementOf(
  options: QueryOptions,
  lists: QuestionLists,
): Promise<Pick<StatementRequest, 'sql' | 'parameters'> & Pick<NewRowsRequest, 'about' | 'key'>> {
  const given = valuesOf(options.param);
  if (options.name !== undefined) {
    if (options.sql !== undefined)
      throw new CollectorError('USAGE', 'A statement and the name of a question exclude each other.', {
        cure: 'Give SQL, or --name.',
      });
    const question = questionNamed(options.name);
    const parameters = parameterValues(question, { parameters: given, lists }, Date.now());
    return { sql: question.sql, parameters, about: question.name, key: question.row };
  }
  if (given.size > 0)
    throw new CollectorError('USAGE', '--param belongs to a ready question.', {
      cure: 'Name one by --name; query --list shows all of them.',
    });
  const sql = options.sql === '-' ? await text(process.stdin) : (options.sql ?? '');
  if (sql.trim() === '')
    throw new CollectorError(
      'USAGE',
      options.sql === undefined ? 'query needs a statement.' : 'There is no statement.',
      {
        cure: 'Give one SELECT in quotes, as in jumpcloud-ocsf query "SELECT count(*) FROM events", or - to read it from stdin, or ask a ready question by --name (query --list shows them).',
      },
    );
  return { sql, parameters: [], about: sql, key: undefined };
}

function valuesOf(pairs: readonly string[]): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1)
        throw new CollectorError('USAGE', `--param ${JSON.stringify(pair).slice(0, 100)} names no value.`, {
          cure: 'Write --param name=value.',
        });
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** One row per question, in any format that is text. */
async function listQuestions(format: QueryOptions['format']): Promise<number> {
  const forPeople = format === 'table' || format === 'wide';
  const rows = readQuestions().map(({ name, title, answers, parameters, technique, tables, sql }) => {
    const written = parameters.map((one) => `${one.name}=${one.standard}`).join(' ');
    return forPeople
      ? [name, title, written, technique ?? '']
      : [name, title, answers, parameters.map((one) => ({ ...one })), tables.slice(), technique ?? null, sql];
  });
  const names = forPeople
    ? ['name', 'title', 'parameters', 'technique']
    : ['name', 'title', 'answers', 'parameters', 'tables', 'technique', 'statement'];
  return shownList(
    names.map((name) => ({ name, type: 'VARCHAR' })),
    rows,
    format,
  );
}

/** One row per view, in any format that is text. */
async function listViews(directory: string, format: QueryOptions['format']): Promise<number> {
  const views = await describeViews(directory);
  const columns = [
    { name: 'view', type: 'VARCHAR' },
    { name: 'rows', type: 'BIGINT' },
    { name: 'first', type: 'VARCHAR' },
    { name: 'last', type: 'VARCHAR' },
    { name: 'files', type: 'BIGINT' },
    { name: 'bytes', type: 'BIGINT' },
  ];
  const rows = views.map(({ name, rows, first, last, files, bytes }) => [name, rows, first, last, files, bytes]);
  return shownList(columns, rows, format);
}

async function shownList(
  columns: readonly QueryColumn[],
  rows: readonly (readonly PlainValue[])[],
  format: QueryOptions['format'],
): Promise<number> {
  if (format === 'parquet')
    throw new CollectorError('USAGE', 'The list is text.', { cure: 'Leave out --format parquet.' });
  const answer = {
    columns,
    rows: (async function* () {
      yield* rows;
    })(),
  };
  const { columns: width, isTTY } = process.stdout;
  // Who lists wants to see all of it: where nobody's terminal sets the width, there is none.
  const reader = { width: width || Number.POSITIVE_INFINITY, terminal: isTTY };
  for await (const piece of render(answer, format, reader)) await put(process.stdout, piece);
  return exitCodes.done;
}

const PROGRESS_EVERY_MS = 500;
const QUIET_MS = 2_000;

/** On a terminal says how long a statement has been working, until its answer begins. */
async function shownWithProgress(request: StatementRequest, signal: AbortSignal): Promise<StatementReport> {
  const line = progressLine(process.stderr);
  const from = performance.now();
  let shown = false;
  const timer = setInterval(() => {
    const elapsed = performance.now() - from;
    if (elapsed < QUIET_MS) return;
    shown = true;
    line.show(`working for ${Math.floor(elapsed / 1000)} s of at most ${limitText(request.limits)}; Ctrl-C ends it`);
  }, PROGRESS_EVERY_MS);
  const clear = () => {
    clearInterval(timer);
    if (shown) line.clear();
    shown = false;
  };
  try {
    return await runStatement(request, { signal, answering: clear });
  } finally {
    clear();
  }
}

function limitText({ timeoutMs }: QueryLimits): string {
  return `${timeoutMs / 1000} s`;
}

/** The file appears whole, under its name, or not at all. */
async function writtenToFile(file: string, request: StatementRequest, signal: AbortSignal): Promise<StatementReport> {
  if ((await stat(file).catch(() => undefined))?.isDirectory())
    throw new CollectorError('USAGE', `${file} is a directory.`, { cure: 'Name a file: --output FILE.' });
  const staged = join(dirname(file), `.${randomUUID()}.partial`);
  try {
    // Says before the work that the folder is missing or closed.
    await (await open(staged, 'wx', 0o600)).close();
    await rm(staged);
  } catch (error) {
    throw storageFailed(error, dirname(file));
  }
  try {
    const report = await shownWithProgress({ ...request, output: staged }, signal);
    if (report.fault !== undefined || signal.aborted) return report;
    await syncFile(staged);
    await rename(staged, file);
    await syncDirectory(dirname(file));
    return report;
  } catch (error) {
    throw errno(error) === undefined ? error : storageFailed(error, dirname(file));
  } finally {
    await rm(staged, { force: true });
  }
}
