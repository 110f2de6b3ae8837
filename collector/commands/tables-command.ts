import { verb, verbGroup } from './verb.js';

/** Where the tables are, without a configuration. */
const tablesDirectoryOption = {
  'tables-directory': {
    type: 'string',
    requiresArg: true,
    describe: 'Default: TABLES_DIRECTORY, else ./data/tables',
  },
} as const;

const jsonOption = { json: { type: 'boolean', default: false, describe: 'Print JSON' } } as const;

export const tablesCommand = verbGroup('tables', 'Check, maintain, describe and copy the tables', [
  verb(
    'ddl',
    'Print the statements by which another engine knows the tables, with a flat view per class',
    (command) =>
      command.options({
        ...tablesDirectoryOption,
        engine: {
          choices: ['duckdb', 'spark', 'trino', 'athena', 'clickhouse', 'snowflake', 'databricks'],
          demandOption: true,
          requiresArg: true,
        },
        location: {
          type: 'string',
          requiresArg: true,
          describe: 'Where the engine finds the tables (s3://…, a stage); default: the directory',
        },
        files: {
          type: 'boolean',
          default: false,
          describe: 'For duckdb without its extension delta: name the files of this moment',
        },
      } as const),
    async (argv) => (await import('./tables-elsewhere.js')).printDdl(argv),
  ),
  verb(
    'export',
    'Copy the tables of one moment as plain Parquet, for engines that read no Delta Lake log',
    (command) =>
      command.options({
        ...tablesDirectoryOption,
        to: { type: 'string', demandOption: true, requiresArg: true, describe: 'Folder to make' },
        ...jsonOption,
      } as const),
    async (argv) => (await import('./tables-elsewhere.js')).copyTables(argv),
  ),
  verb(
    'check',
    'Whether states, logs and files agree, rows are as many as the logs say, and each uid is there once (79 where not)',
    (command) =>
      command.options({
        ...tablesDirectoryOption,
        repair: { type: 'boolean', default: false, describe: 'Mend what can be mended' },
        ...jsonOption,
      }),
    async (argv) => (await import('./tables.js')).checkTablesVerb(argv),
  ),
  verb(
    'merge',
    'Merge small files now, beside a running collector too',
    (command) => command.options({ ...tablesDirectoryOption, ...jsonOption }),
    async (argv) => (await import('./tables.js')).maintain(argv, { vacuum: false }),
  ),
  verb(
    'vacuum',
    'Take out days that are no longer kept, and unlink files that no reader needs',
    (command) =>
      command.options({
        ...tablesDirectoryOption,
        'by-clock': {
          type: 'boolean',
          default: false,
          describe: "Days end by this machine's clock, where no feed that still collects here shows the time",
        },
        ...jsonOption,
      } as const),
    async (argv) => (await import('./tables.js')).maintain(argv, { merge: false }),
  ),
]);
