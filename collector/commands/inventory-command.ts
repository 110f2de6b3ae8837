import { stageNames } from '../inventory/stages.js';
import { withConfiguration } from './options.js';
import { verb, verbGroup } from './verb.js';

const feed = { feed: { type: 'string', describe: 'Name of the feed, where several are configured' } } as const;
const json = { json: { type: 'boolean', default: false, describe: 'Print JSON' } } as const;

export const inventoryCommand = verbGroup('inventory', 'Read accounts, groups, applications, roles and memberships', [
  verb(
    'run',
    'Read the directory once and deliver what changed; exit 75 where a stage is incomplete, 79 where removals are held',
    (command) =>
      withConfiguration(command).options({
        ...feed,
        ...json,
        stages: {
          type: 'array',
          string: true,
          choices: stageNames,
          describe: 'Read these stages only; those that others hang on are read before them',
        },
        full: { type: 'boolean', default: false, describe: 'Deliver everything, changed or not' },
        'dry-run': { type: 'boolean', default: false, describe: 'Read, and print what would be delivered' },
      }),
    async (argv) => (await import('./inventory.js')).runInventoryVerb(argv),
  ),
  verb(
    'status',
    'Print the last generation: its stages, what is incomplete and which removals are held; exit 79 where some are',
    (command) => withConfiguration(command).options({ ...feed, ...json }),
    async (argv) => (await import('./inventory.js')).inventoryStatus(argv),
  ),
  verb(
    'confirm-removals',
    'Read the stages whose removals are held once more and deliver what is still gone',
    (command) =>
      withConfiguration(command).options({
        ...feed,
        ...json,
        generation: { type: 'number', demandOption: true, describe: 'The generation that inventory status names' },
      }),
    async (argv) => (await import('./inventory.js')).confirmRemovals(argv),
  ),
]);
