import { rangeOptions, withConfiguration } from './options.js';
import { verb } from './verb.js';

export const backfillCommand = verb(
  'backfill',
  'Collect past days into a separate lane, also while the feed runs; repeat the command to resume',
  (command) =>
    withConfiguration(command)
      .options({
        ...rangeOptions,
        'event-types': {
          type: 'string',
          requiresArg: true,
          describe: 'Only these of login, admin and other, for this backfill [default: jumpcloud.eventTypes]',
        },
        'dry-run': { type: 'boolean', default: false, describe: 'Print what would be read, and how much, and stop' },
      })
      .example('$0 backfill --from 2026-09-01 --to 2026-11-01', 'two months; the same command again resumes them')
      .example('$0 backfill --from 2026-09-01 --to 2026-11-01 --event-types login', 'only their logins'),
  async (argv) => (await import('./backfill.js')).backfill(argv),
);
