import type { Argv } from 'yargs';
import { type Verb, verbs } from '../response/verbs.js';
import { feedOption, jsonOption, withConfiguration } from './options.js';
import { verb, verbGroup } from './verb.js';

const names = Object.keys(verbs) as Verb[];

const actionOptions = {
  ...feedOption,
  ...jsonOption,
  user: { type: 'string', demandOption: true, describe: 'Id, username or e-mail address' },
  group: { type: 'string', describe: 'Id or name of the user group, for add-to-group and remove-from-group' },
  reason: { type: 'string', demandOption: true, describe: 'Why; stands in the journal and in the events' },
  ticket: { type: 'string', describe: 'Number of the case' },
  'action-id': {
    type: 'string',
    describe:
      'Names the action: the same id again gives the recorded outcome and sends nothing [default: of verb, target, ticket and day]',
  },
  'force-scheduled': { type: 'boolean', default: false, describe: 'Act though JumpCloud has an activation scheduled' },
  'not-ours': { type: 'boolean', default: false, describe: 'Enable a user whom response did not disable' },
} as const;

const executeOption = {
  execute: { type: 'boolean', default: false, describe: 'Send it; without this only the plan is shown' },
} as const;

function withAction(command: Argv) {
  const list = names.map((name) => `${name} (JumpCloud: ${verbs[name].jumpcloud})`).join(', ');
  return withConfiguration(command)
    .positional('action', { choices: names, demandOption: true, describe: list })
    .options(actionOptions)
    .epilogue(
      'expire-password does not contain an attacker: whoever is logged in stays logged in until the next login, and nothing undoes it. To contain, use disable-user.',
    );
}

const planCommand = verb(
  'plan <action>',
  'Read the target, judge the action and journal the plan; nothing is sent',
  withAction,
  async (argv) => (await import('./respond.js')).planAction(argv),
);

const runCommand = verb(
  'run <action>',
  'Execute an action once and read the target again; without --execute as plan',
  (command) => withAction(command).options(executeOption),
  async (argv) => (await import('./respond.js')).runAction(argv),
);

const approveCommand = verb(
  'approve <id>',
  'Approve the plan of another person by its hash; holds for 15 minutes',
  (command) =>
    withConfiguration(command)
      .positional('id', { type: 'string', demandOption: true, describe: 'Action id' })
      .options({ ...feedOption, hash: { type: 'string', demandOption: true, describe: 'Hash that the plan shows' } }),
  async (argv) => (await import('./respond.js')).approveAction(argv),
);

const undoCommand = verb(
  'undo <id>',
  'Restore what was before an action, where the target is still as the action left it',
  (command) =>
    withConfiguration(command)
      .positional('id', { type: 'string', demandOption: true, describe: 'Action id' })
      .options({ ...feedOption, ...jsonOption, ...executeOption }),
  async (argv) => (await import('./respond.js')).undoAction(argv),
);

const statusCommand = verb(
  'status [id]',
  'Show the actions in the journal, newest last, and whether its chain is whole',
  (command) =>
    withConfiguration(command)
      .positional('id', { type: 'string', describe: 'One action' })
      .options({ ...feedOption, ...jsonOption }),
  async (argv) => (await import('./respond.js')).showActions(argv),
);

const testCommand = verb(
  'test',
  'Prove on a test account what the credential may do: each allowed action and its undo',
  (command) =>
    withConfiguration(command).options({
      ...feedOption,
      ...jsonOption,
      ...executeOption,
      user: { type: 'string', demandOption: true, describe: 'Id, username or e-mail address of a test account' },
      group: { type: 'string', describe: 'Id or name of a test group' },
    }),
  async (argv) => (await import('./respond.js')).testActions(argv),
);

const watchCommand = verb(
  'watch',
  'Deliver the journal and watch the client secret until stopped, with metrics on the health port; executes nothing',
  withConfiguration,
  async (argv) => (await import('./respond-watch.js')).watchResponse(argv),
);

export const respondCommand = verbGroup(
  'respond',
  'Act on users and groups with a credential of its own: plan, approve, execute once, verify, undo',
  [planCommand, runCommand, approveCommand, undoCommand, statusCommand, testCommand, watchCommand],
);
