import { rangeOptions, withConfiguration } from './options.js';
import { verb } from './verb.js';

export const reconcileCommand = verb(
  'reconcile',
  "Compare what was delivered with JumpCloud's own count, per service and hour; exit 79 where records are missing",
  (command) =>
    withConfiguration(command).options({
      ...rangeOptions,
      repair: {
        type: 'boolean',
        default: false,
        describe: 'Deliver missing records in the lane that owns them; a running feed does so on request (http.*)',
      },
      json: { type: 'boolean', default: false, describe: 'Print one JSON line per hour and service' },
    }),
  async (argv) => (await import('./reconcile.js')).reconcile(argv),
);
