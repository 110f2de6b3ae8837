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

export const tablesCommand = verbGroup('tables', 'Check and maintain the tables', [
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
    (command) => command.options({ ...tablesDirectoryOption, ...jsonOption }),
    async (argv) => (await import('./tables.js')).maintain(argv, { merge: false }),
  ),
]);
