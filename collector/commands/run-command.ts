import { withConfiguration } from './options.js';
import { verb } from './verb.js';

export const runCommand = verb(
  'run',
  'Collect continuously: poll, normalise, deliver',
  (command) =>
    withConfiguration(command)
      .option('once', { type: 'boolean', default: false, describe: 'Stop with exit code 0 once caught up' })
      .example('JUMPCLOUD_API_KEY_FILE=key.txt $0 run', 'the live feed into ./data/tables')
      .example('SINK=stdout POLL_START=24h $0 run --once', 'the last day as NDJSON on stdout'),
  async (argv) => (await import('./run.js')).run(argv, { once: argv.once }),
);
