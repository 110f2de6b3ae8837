import { verb } from './verb.js';

export const simulateCommand = verb(
  'simulate',
  'Run only the simulated tenant, on loopback, to try things',
  (command) =>
    command.options({
      port: { type: 'number', default: 8484, describe: '0: any free port' },
      records: { type: 'number', default: 100_000, describe: 'Records from seven days ago until tomorrow' },
      seed: { type: 'number', default: 1, describe: 'The same seed creates the same organization' },
      webhook: { type: 'string', describe: 'Also raise alerts, and send them to this URL' },
      'webhook-token-file': { type: 'string', describe: 'File of the secret that is sent with them as a bearer token' },
      'per-minute': { type: 'number', default: 6, describe: 'Alerts per minute' },
    }),
  async (argv) => (await import('./simulate.js')).simulate(argv),
);
