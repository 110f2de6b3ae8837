import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { tablesDirectoryOf } from '../config/destination.js';
import type { FeedConfig, QueryLimits } from '../config/feed-config.js';
import { CollectorError, type ErrorCode } from '../errors.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { wholeLines } from '../query/answer-rows.js';
import { runStatement } from '../query/run-statement.js';
import type { StatementRequest } from '../query/statement-request.js';
import type { Supervisor } from '../runtime/supervisor.js';
import type { Json, QueryLine } from './answers.js';
import { noFeed } from './handlers/feeds.js';
import { Refused, refused } from './problem.js';
import type { ConsoleSettings } from './settings.js';

export interface StatementParts {
  readonly supervisor: Supervisor;
  readonly settings: Pick<ConsoleSettings, 'query'>;
  /** Of the configuration; the console's own override them. */
  readonly limits: QueryLimits;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A statement while it runs. */
export interface Running {
  readonly id: string;
  /** Whose it is, as `callerOf` says. */
  readonly caller: string;
  readonly startedAt: string;
  readonly stop: AbortController;
}

type Statement = Pick<StatementRequest, 'sql' | 'parameters' | 'directory' | 'feed' | 'format'>;

/** An answer that a page draws. */
export interface Rows {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Json[])[];
  /** There are more than were asked for. */
  readonly more: boolean;
  readonly skippedFiles: number;
}

/** Statements over the tables of feeds, each in a process of its own, with limits. */
export interface Statements {
  readonly running: ReadonlyMap<string, Running>;
  /** The feed, where it keeps tables here. @throws Refused */
  tablesOf(name: string): FeedConfig;
  /** One per caller, two in all. @throws Refused */
  begin(caller: string, signal: AbortSignal): Running;
  /** The answer piece by piece. Leaving the loop ends the process. */
  lines(one: Running, statement: Statement, mostRows: number, signal: AbortSignal): AsyncGenerator<string>;
  /** The first rows of an answer; waits for its turn. @throws Refused, CollectorError where the answer is not whole */
  rows(caller: string, statement: Omit<Statement, 'format'>, mostRows: number, signal: AbortSignal): Promise<Rows>;
}

/** The rows as objects. */
export function objectsOf({ columns, rows }: Rows): Record<string, Json>[] {
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null])));
}

const MOST_AT_ONCE = 2;
/** How long what a page asks waits for its turn, and how often it looks. */
const MOST_WAIT_MS = 10_000;
const LOOK_EVERY_MS = 100;
/** A reader that takes its rows slowly keeps a process for so many times the limit of working time, and no longer. */
const READER_FACTOR = 4;

export function createStatements({ supervisor, settings, limits, now }: StatementParts): Statements {
  const running = new Map<string, Running>();
  const own: QueryLimits = { ...limits, memory: settings.query.memory, timeoutMs: settings.query.timeoutMs };

  const tablesOf = (name: string): FeedConfig => {
    if (!settings.query.enabled) throw refused(409, 'QUERY_OFF', 'Queries are off.', 'Set console.query.enabled.');
    const feed = supervisor.find(name);
    if (feed === undefined) throw noFeed();
    const config = feed.configured?.config;
    if (config === undefined) throw refused(409, 'INVALID', 'Its configuration is not valid.', 'Correct it first.');
    if (tablesDirectoryOf(config) !== undefined) return config;
    throw refused(409, 'ELSEWHERE', `This feed delivers to ${config.sink}: its events are there.`, 'Query them there.');
  };
  const begin = (caller: string, signal: AbortSignal): Running => {
    const all = [...running.values()];
    if (all.some((one) => one.caller === caller))
      throw refused(429, 'BUSY', 'A query of yours is running.', 'Wait for it, or cancel it.', { retryAfter: 1 });
    if (all.length >= MOST_AT_ONCE)
      throw refused(429, 'BUSY', `${MOST_AT_ONCE} queries are running.`, 'Wait for one to end.', { retryAfter: 1 });
    const one = {
      id: randomBytes(8).toString('hex'),
      caller,
      startedAt: new Date(now()).toISOString(),
      stop: new AbortController(),
    };
    // The signal of a client that has left aborts no second time: the statement would count as running for ever.
    if (signal.aborted) throw refused(400, 'LEFT', 'The client has left.', 'Ask it again.');
    running.set(one.id, one);
    // A client that leaves before the first piece is asked for leaves nothing else behind.
    signal.addEventListener('abort', () => {
      one.stop.abort();
      running.delete(one.id);
    });
    return one;
  };
  async function* lines(
    one: Running,
    statement: Statement,
    mostRows: number,
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    const temporaryDirectory = await mkdtemp(join(tmpdir(), 'jumpcloud-ocsf-query-'));
    const stdout = new PassThrough();
    const enough = AbortSignal.any([one.stop.signal, signal, AbortSignal.timeout(own.timeoutMs * READER_FACTOR)]);
    const request = {
      ...statement,
      account: undefined,
      output: undefined,
      limits: own,
      skipDamaged: true,
      temporaryDirectory,
    };
    const ending = runStatement(request, {
      signal: enough,
      stdout,
      env: { PATH: process.env.PATH, TZ: process.env.TZ },
    });
    const started = now();
    let rows = 0;
    let more = false;
    try {
      // A process that is ended closes its output, which ends the loop.
      const pieces = statement.format === 'rows' ? wholeLines(stdout) : stdout.setEncoding('utf8');
      for await (const piece of pieces) {
        const isRow = statement.format === 'rows' && piece.startsWith('{"row"');
        if (isRow && rows >= mostRows) {
          more = true;
          break;
        }
        if (isRow) rows += 1;
        yield statement.format === 'rows' ? `${piece}\n` : piece;
      }
      if (more) one.stop.abort();
      const { fault, skipped } = await ending;
      const cancelled = one.stop.signal.aborted && !more;
      const error = cancelled
        ? { code: 'ABORTED', message: 'The query was ended.', cure: 'Ask it again.' }
        : fault !== undefined && !more
          ? { code: fault.code, message: fault.message, cure: fault.cure }
          : null;
      if (statement.format !== 'rows') {
        // What is downloaded has no place for it: an answer that is not whole is cut.
        if (error !== null) throw new Error(`${error.code}: ${error.message}`);
        return;
      }
      const end: QueryLine = {
        end: { rows, more, seconds: (now() - started) / 1000, skippedFiles: skipped.length, error },
      };
      yield `${JSON.stringify(end)}\n`;
    } finally {
      one.stop.abort();
      stdout.resume();
      await ending.catch(() => undefined);
      running.delete(one.id);
      await rm(temporaryDirectory, { recursive: true, force: true });
    }
  }
  const turn = async (caller: string, signal: AbortSignal): Promise<Running> => {
    for (let waited = 0; ; waited += LOOK_EVERY_MS) {
      try {
        return begin(caller, signal);
      } catch (error) {
        const isBusy = error instanceof Refused && error.problem.code === 'BUSY';
        if (!isBusy || waited >= MOST_WAIT_MS || signal.aborted) throw error;
        await systemTiming.sleep(LOOK_EVERY_MS, signal);
      }
    }
  };
  return {
    running,
    tablesOf,
    begin,
    lines,
    async rows(caller, statement, mostRows, signal) {
      const one = await turn(caller, signal);
      let columns: Rows['columns'] = [];
      const rows: (readonly Json[])[] = [];
      for await (const text of lines(one, { ...statement, format: 'rows' }, mostRows, signal)) {
        const line = JSON.parse(text) as QueryLine;
        if ('columns' in line) columns = line.columns;
        else if ('row' in line) rows.push(line.row);
        else {
          const { error, more, skippedFiles } = line.end;
          if (error === null) return { columns, rows, more, skippedFiles };
          throw new CollectorError(error.code as ErrorCode, error.message, { cure: error.cure });
        }
      }
      throw new CollectorError('ABORTED', 'The answer ended before its end.', { cure: 'Ask it again.' });
    },
  };
}
