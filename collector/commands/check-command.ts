import { withConfiguration } from './options.js';
import { verb } from './verb.js';

export const checkCommand = verb(
  'check',
  'Check configuration, credential, licence, key lifetime, clock and sink: one line per finding with its fix, most severe first',
  (command) =>
    withConfiguration(command)
      .options({
        json: { type: 'boolean', default: false, describe: 'Print the findings as JSON' },
        report: { type: 'string', describe: 'Write a redacted report for support to this file (mode 0600)' },
      })
      .example('$0 check --json', 'for scripts: the exit code and the code of each finding identify the cause'),
  async (argv) => (await import('./check.js')).check(argv),
);
