import { hideBin } from 'yargs/helpers';
import { withQueryLimits } from './options.js';
import { verb } from './verb.js';

export const queryCommand = verb(
  'query [sql]',
  'Run SQL (DuckDB) or a ready question over the tables: one view per class, and events, admin_activity, dead_letters, raw_records',
  (command) =>
    withQueryLimits(command)
      .positional('sql', { type: 'string', describe: 'One SELECT statement; - reads it from stdin' })
      .options({
        list: { type: 'boolean', default: false, describe: 'List the ready questions' },
        name: { type: 'string', requiresArg: true, describe: 'Ask the ready question of this name' },
        param: {
          type: 'string',
          array: true,
          nargs: 1,
          default: [] as string[],
          describe: 'A parameter of the question, as name=value; may be repeated',
        },
        views: { type: 'boolean', default: false, describe: 'List the views with rows, first and last time, and size' },
        account: {
          type: 'string',
          requiresArg: true,
          describe: 'Read the events of this account (account_name) alone',
        },
        'tables-directory': {
          type: 'string',
          requiresArg: true,
          describe: 'Default: TABLES_DIRECTORY, else ./data/tables',
        },
        'skip-damaged': {
          type: 'boolean',
          default: false,
          describe: 'Leave out files that cannot be read, and name them on stderr',
        },
        format: {
          choices: ['table', 'wide', 'json', 'ndjson', 'csv', 'csv-safe', 'markdown', 'parquet'],
          default: 'table',
          requiresArg: true,
        },
        'new-rows-exit': {
          type: 'number',
          requiresArg: true,
          describe: 'Show rows that earlier runs have not shown, and end with this code where there are any (for cron)',
        },
        seen: { type: 'string', requiresArg: true, describe: 'With --new-rows-exit: the file that remembers rows' },
        output: {
          type: 'string',
          requiresArg: true,
          describe: 'Write the answer to this file, which appears when it is whole',
        },
      } as const)
      .example(
        '$0 query "SELECT user_name, sum(coalesce(count, 1)) FROM authentication WHERE outcome = \'Failure\' GROUP BY 1 ORDER BY 2 DESC"',
        'who failed to log in most often',
      )
      .example('$0 query --name password-spraying --param since=24h --param users=10', 'a ready question'),
  async (argv) => {
    // yargs gives a lone dash as an empty text.
    const sql = hideBin(process.argv).includes('-') ? '-' : argv.sql;
    return (await import('./query.js')).query({ ...argv, sql });
  },
);
