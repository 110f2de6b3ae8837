import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { tablesDirectoryOf } from '../../config/destination.js';
import type { FeedConfig, QueryLimits } from '../../config/feed-config.js';
import { openTables } from '../../query/open-tables.js';
import type { BoundParameter } from '../../query/parameters.js';
import { parameterValues } from '../../query/question.js';
import { questionNamed, readQuestions } from '../../query/read-questions.js';
import { runStatement } from '../../query/run-statement.js';
import type { StatementRequest } from '../../query/statement-request.js';
import type { Supervisor } from '../../runtime/supervisor.js';
import { viewNames } from '../../sinks/tables/views.js';
import type { Json, Queries, QueryLine } from '../answers.js';
import { type Handlers, nameOf } from '../handler.js';
import { refused } from '../problem.js';
import type { ConsoleSettings } from '../settings.js';
import { noFeed } from './feeds.js';

export interface QueryParts {
  readonly supervisor: Supervisor;
  readonly settings: Pick<ConsoleSettings, 'query'>;
  /** Of the configuration; the console's own stand over them. */
  readonly limits: QueryLimits;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type QueryOperation = 'questions' | 'views' | 'query' | 'listQueries' | 'cancelQueries' | 'feedSamples';

const MOST_AT_ONCE = 2;
const SAMPLES = 20;
/** A reader that takes its rows slowly keeps a process for so many times the limit of working time, and no longer. */
const READER_FACTOR = 4;

interface Running {
  readonly id: string;
  readonly user: string;
  readonly startedAt: string;
  readonly stop: AbortController;
}

export function queryHandlers({ supervisor, settings, limits, now }: QueryParts): Pick<Handlers, QueryOperation> {
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
  const begin = (user: string, signal: AbortSignal): Running => {
    const all = [...running.values()];
    if (all.some((one) => one.user === user))
      throw refused(429, 'BUSY', 'A query of yours is running.', 'Wait for it, or cancel it.', { retryAfter: 1 });
    if (all.length >= MOST_AT_ONCE)
      throw refused(429, 'BUSY', `${MOST_AT_ONCE} queries are running.`, 'Wait for one to end.', { retryAfter: 1 });
    const one = {
      id: randomBytes(8).toString('hex'),
      user,
      startedAt: new Date(now()).toISOString(),
      stop: new AbortController(),
    };
    running.set(one.id, one);
    // A client that leaves before the first piece is asked for leaves nothing else behind.
    signal.addEventListener('abort', () => {
      one.stop.abort();
      running.delete(one.id);
    });
    return one;
  };
  /** Runs a statement in a process of its own; its answer piece by piece. Leaving the loop ends the process. */
  async function* lines(
    one: Running,
    statement: Pick<StatementRequest, 'sql' | 'parameters' | 'directory' | 'format'>,
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
      const pieces = statement.format === 'rows' ? createInterface({ input: stdout }) : stdout.setEncoding('utf8');
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

  return {
    async questions() {
      return {
        json: {
          questions: readQuestions().map(({ name, title, answers, sql, parameters }) => ({
            name,
            title,
            description: answers,
            sql,
            parameters: parameters.map((one) => ({
              name: one.name,
              title: one.about,
              type: one.type,
              default: one.standard,
            })),
          })),
        },
      };
    },
    async views({ query }) {
      const { tables } = tablesOf(query.get('feed') ?? '');
      const open = await openTables(tables.directory);
      try {
        const views = [];
        for (const name of viewNames)
          views.push({ name, columns: (await open.query(`SELECT * FROM ${name} LIMIT 0`)).columns });
        return { json: { views } };
      } finally {
        await open.close();
      }
    },
    async query(asked) {
      const { feed, sql, question, parameters = {}, format = 'rows', from, to } = asked.body;
      asked.audit.target = { type: 'feed', name: feed };
      asked.audit.details.query = (question ?? sql ?? '').slice(0, 500);
      const { tables, questions } = tablesOf(feed);
      let bound: BoundParameter[] = [];
      let text = sql ?? '';
      if (question === undefined && (from !== undefined || to !== undefined))
        throw refused(
          422,
          'DAYS',
          'A statement of one’s own says itself which days it looks at.',
          "Write WHERE time_dt >= '2026-11-21' AND time_dt < '2026-11-28', and leave the days empty.",
          { problems: [{ pointer: from === undefined ? '/to' : '/from', message: 'is for ready questions' }] },
        );
      if (question !== undefined) {
        const ready = questionNamed(question);
        text = ready.sql;
        const days = Object.entries({ since: from, until: to }).flatMap(([name, day]) =>
          day === undefined ? [] : [[name, day] as const],
        );
        const given = new Map([...days, ...Object.entries(parameters)]);
        bound = parameterValues(ready, { parameters: given, lists: questions.lists }, now());
      }
      const one = begin(nameOf(asked), asked.signal);
      const statement = { sql: text, parameters: bound, directory: tables.directory, format };
      return {
        text: lines(one, statement, settings.query.rows, asked.signal),
        type: TYPES[format],
        ...(format === 'rows'
          ? {}
          : {
              headers: {
                'content-disposition': `attachment; filename="${feed}.${format === 'ndjson' ? 'ndjson' : 'csv'}"`,
              },
            }),
      };
    },
    async listQueries(asked) {
      const json: Queries = {
        running: [...running.values()]
          .filter(({ user }) => user === nameOf(asked))
          .map(({ id, user, startedAt }) => ({ id, user, startedAt })),
      };
      return { json };
    },
    async cancelQueries(asked) {
      for (const { user, stop } of running.values()) if (user === nameOf(asked)) stop.abort();
      return { status: 204 };
    },
    async feedSamples(asked) {
      const { name = '' } = asked.parameters;
      const config = supervisor.find(name)?.configured?.config;
      if (config !== undefined && tablesDirectoryOf(config) === undefined)
        return { json: { events: [], elsewhere: `This feed delivers to ${config.sink}: its events are there.` } };
      const { tables } = tablesOf(name);
      const one = begin(nameOf(asked), asked.signal);
      const sql = `SELECT * FROM events ORDER BY time_dt DESC LIMIT ${SAMPLES}`;
      const statement = { sql, parameters: [], directory: tables.directory, format: 'ndjson' } as const;
      let text = '';
      for await (const piece of lines(one, statement, SAMPLES, asked.signal)) text += piece;
      const events = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Json]));
      return { json: { events, elsewhere: null } };
    },
  };
}

const TYPES = {
  rows: 'application/x-ndjson; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  'csv-safe': 'text/csv; charset=utf-8',
} as const;
