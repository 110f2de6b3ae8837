import { feedOption, withConfiguration } from './options.js';
import { verb, verbGroup } from './verb.js';

const selectionOptions = {
  reason: { type: 'string', describe: 'Only those with this reason' },
  from: { type: 'string', describe: 'First instant of the records (RFC 3339, or a date)' },
  to: { type: 'string', describe: 'End, exclusive' },
  ...feedOption,
} as const;

export const deadLettersCommand = verbGroup(
  'dead-letters',
  'List the records that could not become a valid event, or map them again',
  [
    verb(
      'list',
      'Print reason, type, time, id and message of those that were not replayed',
      (command) =>
        withConfiguration(command).options({
          ...selectionOptions,
          json: { type: 'boolean', default: false, describe: 'Print them whole, as NDJSON' },
        }),
      async (argv) => (await import('./dead-letters.js')).listDeadLetters(argv),
    ),
    verb(
      'replay',
      'Map them with the present mapping and deliver what is now valid, once, under the same uid',
      (command) =>
        withConfiguration(command).options({
          ...selectionOptions,
          'dry-run': { type: 'boolean', default: false, describe: 'Print the outcome, and stop' },
        }),
      async (argv) => (await import('./dead-letters.js')).replayDeadLetters(argv),
    ),
  ],
);
