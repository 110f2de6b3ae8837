import { LIVE_LANE } from '../position/lane-name.js';
import { feedOption, jsonOption, withConfiguration, yesOption } from './options.js';
import { verb, verbGroup } from './verb.js';

export const stateCommand = verbGroup('state', 'Show the position of every lane, or move one', [
  verb(
    'show',
    'Print position, counts, organization and keys of every lane, without secrets',
    (command) => withConfiguration(command).options({ ...jsonOption, ...feedOption }),
    async (argv) => (await import('./state.js')).showState(argv),
  ),
  verb(
    'set',
    'Move a lane that no process runs to another position',
    (command) =>
      withConfiguration(command).options({
        lane: { type: 'string', default: LIVE_LANE, describe: 'Name of the lane' },
        settled: { type: 'string', demandOption: true, describe: 'RFC 3339: the next search starts here' },
        ...yesOption,
        ...feedOption,
      }),
    async (argv) => (await import('./state.js')).setState(argv),
  ),
]);
