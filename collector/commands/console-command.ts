import { jsonOption, withConfiguration } from './options.js';
import { verb, verbGroup } from './verb.js';

const roleOption = {
  role: {
    choices: ['viewer', 'analyst', 'operator', 'admin'],
    default: 'viewer',
    describe: 'What the user may do',
  },
} as const;

const userCommand = verbGroup('user', 'Add, remove and list the users of the console', [
  verb(
    'add <user>',
    'Add a user; the password is read from stdin',
    (command) =>
      withConfiguration(command)
        .positional('user', { type: 'string', demandOption: true, describe: 'Name to log in with' })
        .options(roleOption)
        .example('$0 console user add ana --role admin < password.txt', 'also beside a running console'),
    async (argv) => (await import('./console.js')).addUser(argv),
  ),
  verb(
    'remove <user>',
    'Remove a user; open sessions end at their next request',
    (command) =>
      withConfiguration(command).positional('user', { type: 'string', demandOption: true, describe: 'Who to remove' }),
    async (argv) => (await import('./console.js')).removeUser(argv),
  ),
  verb(
    'list',
    'Print the users with their roles',
    (command) => withConfiguration(command).options(jsonOption),
    async (argv) => (await import('./console.js')).listUsers(argv),
  ),
]);

export const consoleCommand = verbGroup('console', 'Users and audit of the console', [
  userCommand,
  verb(
    'invite <user>',
    'Print a one-time link with which a user sets a password, also one who lost it',
    (command) =>
      withConfiguration(command)
        .positional('user', { type: 'string', demandOption: true, describe: 'Name to log in with' })
        .options(roleOption),
    async (argv) => (await import('./console.js')).invite(argv),
  ),
  verbGroup('audit', 'Look at the audit of the console', [
    verb(
      'verify',
      'Check that no line of the audit was changed, removed or put in',
      (command) => withConfiguration(command).options(jsonOption),
      async (argv) => (await import('./console.js')).verifyAudit(argv),
    ),
  ]),
]);
