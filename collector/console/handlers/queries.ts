import { tablesDirectoryOf } from '../../config/destination.js';
import { openTables } from '../../query/open-tables.js';
import type { BoundParameter } from '../../query/parameters.js';
import { parameterValues } from '../../query/question.js';
import { questionNamed, readQuestions } from '../../query/read-questions.js';
import type { Supervisor } from '../../runtime/supervisor.js';
import { viewNames } from '../../sinks/tables/views.js';
import type { Queries } from '../answers.js';
import { callerOf, type Handlers, nameOf } from '../handler.js';
import { refused } from '../problem.js';
import type { ConsoleSettings } from '../settings.js';
import { objectsOf, type Statements } from '../statements.js';

export interface QueryParts {
  readonly supervisor: Supervisor;
  readonly settings: Pick<ConsoleSettings, 'query'>;
  readonly statements: Statements;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type QueryOperation = 'questions' | 'views' | 'query' | 'listQueries' | 'cancelQueries' | 'feedSamples';

const SAMPLES = 20;

export function queryHandlers({ supervisor, settings, statements, now }: QueryParts): Pick<Handlers, QueryOperation> {
  const { tablesOf, begin, lines, rows, running } = statements;
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
      const one = begin(callerOf(asked), asked.signal);
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
          .filter(({ caller }) => caller === callerOf(asked))
          .map(({ id, startedAt }) => ({ id, user: nameOf(asked), startedAt })),
      };
      return { json };
    },
    async cancelQueries(asked) {
      for (const { caller, stop } of running.values()) if (caller === callerOf(asked)) stop.abort();
      return { status: 204 };
    },
    async feedSamples(asked) {
      const { name = '' } = asked.parameters;
      const config = supervisor.find(name)?.configured?.config;
      if (config !== undefined && tablesDirectoryOf(config) === undefined)
        return { json: { events: [], elsewhere: `This feed delivers to ${config.sink}: its events are there.` } };
      const { tables } = tablesOf(name);
      const sql = `SELECT * FROM events ORDER BY time_dt DESC LIMIT ${SAMPLES}`;
      const statement = { sql, parameters: [], directory: tables.directory };
      const found = await rows(callerOf(asked), statement, SAMPLES, asked.signal);
      return { json: { events: objectsOf(found), elsewhere: null } };
    },
  };
}

const TYPES = {
  rows: 'application/x-ndjson; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  'csv-safe': 'text/csv; charset=utf-8',
} as const;
