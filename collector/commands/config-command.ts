import { feedOption, withConfiguration } from './options.js';
import { verb, verbGroup } from './verb.js';

export const configCommand = verbGroup('config', 'Show the configuration in force, or every key that can be set', [
  verb(
    'print',
    'Print the values in force and where each comes from, without secrets',
    withConfiguration,
    async (argv) => (await import('./config.js')).printConfig(argv),
  ),
  verb(
    'export',
    'Print the feeds of all files as one configuration, secrets as files to provide',
    (command) => withConfiguration(command).options(feedOption),
    async (argv) => (await import('./config.js')).exportConfig(argv),
  ),
  verb(
    'schema',
    'Print the JSON Schema of every key, for editors and consoles',
    (command) => command,
    async () => (await import('./config.js')).printSchema(),
  ),
]);
