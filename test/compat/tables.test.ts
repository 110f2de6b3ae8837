import { join } from 'node:path';
import { expect, it } from 'vitest';
import { command, compareTables, folder } from '../cli/command.js';
import { copyState, stoppedAt, storedBackfill, storedFeed, storedPositions, tenantOfHistory } from './stored-states.js';

it('tables that an earlier build left in the middle of a commit are continued, and hold every record once', async () => {
  const simulated = await tenantOfHistory();
  const cwd = folder();
  copyState('tables', join(cwd, 'tables'), simulated);
  const stored = await compareTables(join(cwd, 'tables'), simulated);
  expect(stored).toMatchObject({ repeated: 0, unknown: 0 });
  expect(stored.delivered, 'the tables hold a part').toBeGreaterThan(50);
  expect(stored.missing, 'and not all').toBeGreaterThan(50);

  const env = storedFeed(simulated, {});
  expect(await storedPositions({ cwd, env })).toEqual(stoppedAt);
  const run = await command(['run', '--once'], { cwd, env });
  expect(run, run.stderr).toMatchObject({ code: 0 });
  const backfill = await command(storedBackfill, { cwd, env });
  expect(backfill, backfill.stderr).toMatchObject({ code: 0 });
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true });
});
