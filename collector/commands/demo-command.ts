import { verb } from './verb.js';

export const demoCommand = verb(
  'demo',
  'Collect from a simulated tenant, store, and query',
  (command) =>
    command.options({
      records: { type: 'number', default: 12_000, describe: 'Records of the simulated tenant' },
      directory: {
        type: 'string',
        default: './data/demo',
        describe: 'Created or replaced; must be absent or hold an earlier demo',
      },
    }),
  async (argv) => (await import('./demo.js')).demo(argv),
);
