import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callVerb } from '../commands/call-verb.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { command, compareTables, feedOf, folder, jsonLines, start, tenant } from './command.js';

const DAY = 86_400_000;

/** Events of the tables by OCSF class. */
async function classesOf(directory: string): Promise<string[]> {
  const sql = 'SELECT DISTINCT class_name FROM events WHERE raw_data IS NOT NULL ORDER BY 1';
  return (await rowsOf(directory, sql)).map(([name]) => String(name));
}

it('backfill --event-types reads these alone, resumes with the same, and leaves the rest of its range to others', async () => {
  const now = Date.now();
  const simulated = await tenant({ records: 1_200, from: now - 10 * DAY, to: now - 2 * DAY });
  const cwd = folder();
  const env = feedOf(simulated, { POLL_START: '1d', POLL_PAGE_SIZE: '40' });
  const day = (ms: number) => new Date(ms).toISOString();
  const args = ['backfill', '--from', day(now - 11 * DAY), '--to', day(now - 2 * DAY)];
  const logins = [...args, '--event-types', 'login'];
  expect((await callVerb(['run', '--once'], { cwd, env })).code).toBe(0);
  const dry = await callVerb([...logins, '--dry-run'], { cwd, env });
  expect(dry.stdout).toMatch(/^\d{4}-.* to .*, login alone: \d+ records\n$/);

  // Broken off past the first commits.
  const stopAt = simulated.count('events') + 14;
  const interrupt = () => void first.child.kill('SIGINT');
  simulated.script([
    { when: { match: ({ routeNumber }) => routeNumber === stopAt }, effect: { kind: 'run', action: interrupt } },
    { when: { match: ({ routeNumber }) => routeNumber >= stopAt }, effect: { kind: 'hang' } },
  ]);
  const first = start(logins, { cwd, env });
  expect(await first.ended).toMatchObject({ code: 75, stdout: '' });
  simulated.clearScript();

  const others = await callVerb([...args, '--event-types', 'other', '--dry-run'], { cwd, env });
  expect(others.stderr, 'other types say what they leave').toContain('repeat it with --event-types login');
  const second = await callVerb(logins, { cwd, env });
  expect(second).toMatchObject({ code: 0, stdout: '' });
  expect(second.stderr).toContain('did not finish: it goes on at');
  expect(second.stderr).toMatch(/backfilled .*, login alone/);
  const read = await classesOf(join(cwd, 'tables'));
  expect(read).toContain('Authentication');
  expect(read, 'no administration').not.toContain('Account Change');
  const part = await compareTables(join(cwd, 'tables'), simulated);
  expect(part).toMatchObject({ repeated: 0, unknown: 0 });
  expect(part.missing).toBeGreaterThan(100);

  const again = await callVerb(logins, { cwd, env });
  expect(again.stderr).toContain('this range is already collected');
  const rest = await callVerb(args, { cwd, env });
  expect(rest.code).toBe(0);
  expect(rest.stderr).toContain('was filled by an earlier backfill for login');
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 1_200 });
});

it('backfill --event-types of a feed that has never run fixes the origin of all of its types, not only of these', async () => {
  const now = Date.now();
  const simulated = await tenant({ records: 400, from: now - 4 * DAY, to: now });
  const cwd = folder();
  const env = feedOf(simulated, { POLL_START: new Date(now - 2 * DAY).toISOString() });
  const args = ['backfill', '--from', new Date(now - 5 * DAY).toISOString(), '--to', new Date(now).toISOString()];
  expect((await command([...args, '--event-types=admin,login'], { cwd, env })).code).toBe(0);
  expect((await callVerb(['run', '--once'], { cwd, env })).code).toBe(0);
  expect((await callVerb(args, { cwd, env })).code).toBe(0);
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 400 });
  const { stdout } = await command(['state', 'show', '--json'], { cwd, env });
  expect(jsonLines(stdout).length + (stdout.startsWith('[') ? 1 : 0)).toBeGreaterThan(0);
  expect(stdout).toMatch(/backfill\/\d{8}T\d{6}Z_\d{8}T\d{6}Z_login_admin"/);
});

it('backfill --event-types refuses what is no event type, and its help names those there are', async () => {
  const range = ['backfill', '--from', '2026-09-01', '--to', '2026-09-02'];
  for (const wrong of ['logins', 'login,login', 'login,', '']) {
    const refused = await command([...range, `--event-types=${wrong}`]);
    expect(refused.code, wrong).toBe(2);
    if (wrong !== '') expect(refused.stderr).toContain('is not a list out of login, admin, other');
    expect(refused.stderr).toContain('→');
  }
  const { stdout } = await command(['backfill', '--help']);
  expect(stdout.replace(/\s+/g, ' ')).toContain(
    '--event-types Only these of login, admin and other, for this backfill',
  );
});
