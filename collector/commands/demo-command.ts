import { MOST_RECORDS, wholeNumber } from './options.js';
import { verb } from './verb.js';

export const demoCommand = verb(
  'demo',
  'Collect from a simulated tenant, store, and query',
  (command) =>
    command.options({
      records: {
        ...wholeNumber('records', 1, MOST_RECORDS),
        default: 12_000,
        describe: 'Records of the simulated tenant',
      },
      console: {
        type: 'boolean',
        default: false,
        describe: 'Keep collecting, and show the console over it',
      },
      port: { ...wholeNumber('port', 0, 65_535), default: 9465, describe: 'Port of the console; 0 takes any free one' },
      directory: {
        type: 'string',
        default: './data/demo',
        describe: 'Created or replaced; must be absent or hold an earlier demo',
      },
    }),
  async (argv) =>
    argv.console ? (await import('./demo-console.js')).demoConsole(argv) : (await import('./demo.js')).demo(argv),
);
