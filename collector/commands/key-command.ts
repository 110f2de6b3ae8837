import { feedOption, jsonOption, withConfiguration } from './options.js';
import { verb } from './verb.js';

const replaceCommand = verb(
  'replace',
  'Write a new key from stdin into the key file, after JumpCloud has accepted it for this organization',
  (command) =>
    command
      .options({
        ...feedOption,
        'from-file': { type: 'string', describe: 'Read the new key from this file' },
      })
      .example('$0 key replace < new-key.txt', 'the running collector uses it within seconds'),
  async (argv) => (await import('./key.js')).replaceKey(argv),
);

export const keyCommand = verb(
  'key',
  'Show the key of each feed, when it expires and how that is known; replace it without a restart',
  (command) =>
    withConfiguration(command)
      .options({ ...jsonOption, ...feedOption })
      .command(replaceCommand),
  async (argv) => (await import('./key.js')).showKeys(argv),
);
