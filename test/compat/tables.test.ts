import { join } from 'node:path';
import { expect, it } from 'vitest';
import { command, folder } from '../cli/command.js';
import { copyState, filesIn, refused, storedBackfill, storedFeed, tenantOfHistory } from './stored-states.js';

it('tables that an earlier build left are refused with 74 and the way on, and stay as they are', async () => {
  const simulated = await tenantOfHistory();
  const cwd = folder();
  copyState('tables', join(cwd, 'tables'), simulated);
  const before = filesIn(join(cwd, 'tables'));
  const env = storedFeed(simulated, {});
  for (const words of [['run', '--once'], storedBackfill, ['state', 'show']]) {
    expect(await command(words, { cwd, env }), words.join(' ')).toMatchObject(refused);
  }
  const check = await command(['check'], { cwd, env });
  expect(check).toMatchObject({ code: 74, stdout: expect.stringContaining('of an earlier version') });
  expect(filesIn(join(cwd, 'tables'))).toEqual(before);

  const run = await command(['run', '--once'], { cwd, env: { ...env, TABLES_DIRECTORY: 'tables-2' } });
  expect(run, run.stderr).toMatchObject({ code: 0 });
});
