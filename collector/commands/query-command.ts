import { hideBin } from 'yargs/helpers';
import { withQueryLimits } from './options.js';
import { verb } from './verb.js';

export const queryCommand = verb(
  'query <sql>',
  'Run SQL (DuckDB) over the tables: one view per class, and events, admin_activity, dead_letters, raw_records',
  (command) =>
    withQueryLimits(command)
      .positional('sql', {
        type: 'string',
        demandOption: true,
        describe: 'One SELECT statement; - reads it from stdin',
      })
      .options({
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
        format: { choices: ['table', 'json', 'csv', 'csv-safe'], default: 'table', requiresArg: true },
      } as const)
      .example(
        '$0 query "SELECT user_name, sum(coalesce(count, 1)) FROM authentication WHERE outcome = \'Failure\' GROUP BY 1 ORDER BY 2 DESC"',
        'who failed to log in most often',
      ),
  async (argv) => {
    // yargs gives a lone dash as an empty text.
    const sql = hideBin(process.argv).includes('-') ? '-' : argv.sql;
    return (await import('./query.js')).query({ ...argv, sql });
  },
);
