import { MOST_RECORDS, wholeNumber } from './options.js';
import { verb } from './verb.js';

export const simulateCommand = verb(
  'simulate',
  'Run only the simulated tenant, on loopback, to try things',
  (command) =>
    command.options({
      port: { ...wholeNumber('port', 0, 65_535), default: 8484, describe: '0: any free port' },
      records: {
        ...wholeNumber('records', 1, MOST_RECORDS),
        default: 100_000,
        describe: 'Records from seven days ago until tomorrow',
      },
      seed: {
        ...wholeNumber('seed', 0, 2 ** 32 - 1),
        default: 1,
        describe: 'The same seed creates the same organization',
      },
      webhook: { type: 'string', describe: 'Also raise alerts, and send them to this URL' },
      'webhook-token-file': { type: 'string', describe: 'File of the secret that is sent with them as a bearer token' },
      'per-minute': { ...wholeNumber('per-minute', 1, 6_000), default: 6, describe: 'Alerts per minute' },
    }),
  async (argv) => (await import('./simulate.js')).simulate(argv),
);
