import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callVerb } from '../commands/call-verb.js';
import { command, compareTables, feedOf, folder, start, tenant } from './command.js';

const DAY = 86_400_000;

it('a second backfill reads what the first does not, leaves it the rest, and nothing is read by both', async () => {
  const now = Date.now();
  const simulated = await tenant({ records: 600, from: now - 10 * DAY, to: now });
  const cwd = folder();
  const env = feedOf(simulated, { POLL_START: '1d', POLL_PAGE_SIZE: '20' });
  const backfill = (from: number, to: number) => [
    'backfill',
    ...['--from', new Date(now - from * DAY).toISOString(), '--to', new Date(now - to * DAY).toISOString()],
  ];
  expect((await callVerb(['run', '--once'], { cwd, env })).code).toBe(0);

  // The first cannot end before this request of its own is answered.
  const held = simulated.count('events') + 6;
  simulated.script([
    { when: { match: ({ routeNumber }) => routeNumber === held, times: 1 }, effect: { kind: 'hang' } },
  ]);
  const first = start(backfill(11, 4), { cwd, env });
  await first.until(() => simulated.count('events') >= held);

  const second = await command(backfill(6, 0), { cwd, env });
  expect(second.code).toBe(73);
  expect(second.stderr).toContain('is left to the process that reads it now');
  expect(second.stderr).toContain('Repeat the command when that one has ended');
  expect(second.stderr).toMatch(/backfilled \S+ to \S+/);
  const between = await compareTables(join(cwd, 'tables'), simulated);
  expect(between).toMatchObject({ repeated: 0, unknown: 0 });
  expect(between.missing).toBeGreaterThan(0);

  first.child.kill('SIGINT');
  expect((await first.ended).code).toBe(75);
  expect((await callVerb(backfill(6, 0), { cwd, env })).code).toBe(0);
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 600 });
});
