import { feedOption, jsonOption, withConfiguration } from './options.js';
import { verb, verbGroup } from './verb.js';

export const webhookCommand = verbGroup('webhook', 'Take what JumpCloud’s Insights Rules push to a webhook channel', [
  verb(
    'token',
    'Make the URL and the secret of the channel, and say what to paste where in JumpCloud',
    (command) =>
      withConfiguration(command).options({
        ...feedOption,
        ...jsonOption,
        rotate: {
          type: 'boolean',
          default: false,
          describe: 'Make another secret; the one before is taken for --overlap',
        },
        overlap: { type: 'string', default: '24h', describe: 'How long the secret before is taken' },
      }),
    async (argv) => (await import('./webhook.js')).makeToken(argv),
  ),
  verb(
    'replay',
    'Map kept bodies with the present mapping and deliver what is a finding now, once, under the uid of its alert',
    (command) =>
      withConfiguration(command).options({
        ...feedOption,
        'dry-run': { type: 'boolean', default: false, describe: 'Print the outcome, and stop' },
      }),
    async (argv) => (await import('./webhook.js')).replayBodies(argv),
  ),
]);
