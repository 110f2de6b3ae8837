import { withQueryLimits } from './options.js';
import { verb } from './verb.js';

export const reportCommand = verb(
  'report',
  'Write one HTML file about a range: logins, administrators’ changes, MFA, completeness, dead letters, each with its statement',
  (command) =>
    withQueryLimits(command)
      .options({
        since: {
          type: 'string',
          default: '7d',
          requiresArg: true,
          describe: 'First instant (RFC 3339, a date, or 7d)',
        },
        until: { type: 'string', default: 'now', requiresArg: true, describe: 'End, exclusive' },
        account: {
          type: 'string',
          requiresArg: true,
          describe: 'Read the events of this account (account_name) alone',
        },
        output: { type: 'string', default: 'report.html', requiresArg: true, describe: 'The file to write' },
        'tables-directory': {
          type: 'string',
          requiresArg: true,
          describe: 'Default: TABLES_DIRECTORY, else ./data/tables',
        },
      } as const)
      .example('$0 report --since 30d --output november.html', 'the last 30 days'),
  async (argv) => (await import('./report.js')).report(argv),
);
