import { join } from 'node:path';
import { expect, it } from 'vitest';
import { command, folder } from '../cli/command.js';
import { copyState, filesIn, refused, storedBackfill, storedFeed, tenantOfHistory } from './stored-states.js';

it('a state directory that an earlier build left is refused with 74 and the way on, and stays as it is', async () => {
  const simulated = await tenantOfHistory();
  const cwd = folder();
  copyState('stdout/state', join(cwd, 'state'), simulated);
  const before = filesIn(join(cwd, 'state'));
  const env = storedFeed(simulated, { SINK: 'stdout', STATE_DIRECTORY: 'state' });
  for (const words of [['run', '--once'], storedBackfill, ['state', 'show']]) {
    expect(await command(words, { cwd, env }), words.join(' ')).toMatchObject({ ...refused, stdout: '' });
  }
  expect(filesIn(join(cwd, 'state'))).toEqual(before);

  const run = await command(['run', '--once'], { cwd, env: { ...env, STATE_DIRECTORY: 'state-2' } });
  expect(run, run.stderr).toMatchObject({ code: 0 });
});
