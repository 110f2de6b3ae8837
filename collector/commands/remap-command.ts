import { feedOption, rangeOptions, withConfiguration, yesOption } from './options.js';
import { verb } from './verb.js';

export const remapCommand = verb(
  'remap',
  'Tables: rebuild the events of a range from their records with the present mapping; their uids stay',
  (command) =>
    withConfiguration(command).options({
      ...rangeOptions,
      'dry-run': { type: 'boolean', default: false, describe: 'Print the difference per type, and stop' },
      ...yesOption,
      ...feedOption,
    }),
  async (argv) => (await import('./remap.js')).remap(argv),
);
