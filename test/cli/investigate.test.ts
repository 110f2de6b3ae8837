import { expect, it } from 'vitest';
import { callVerb } from '../commands/call-verb.js';
import { command, feedOf, folder, start, tenant } from './command.js';

it('investigate says what it could not read of the directory, and exits with the code of that failure', async () => {
  const simulated = await tenant({ records: 10, directory: { users: 5, groups: 2 } });
  const cwd = folder();
  const user = simulated.directory.get('users', simulated.directory.ids('users')[0]!)!.username as string;
  const investigate = (more: Record<string, string> = {}) =>
    command(['investigate', '--user', user, '--json'], { cwd, env: feedOf(simulated, more) });
  expect(await callVerb(['run', '--once'], { cwd, env: feedOf(simulated) })).toMatchObject({ code: 0 });

  const whole = await investigate();
  expect(whole).toMatchObject({ code: 0 });
  expect(JSON.parse(whole.stdout)).toMatchObject({ user: { username: user }, unread: [] });

  const refused = await investigate({ JUMPCLOUD_API_KEY: 'revoked' });
  expect(refused).toMatchObject({ code: 77 });
  expect(JSON.parse(refused.stdout)).toMatchObject({ user: null, unread: [expect.stringMatching(/^the user: /)] });

  simulated.script([{ when: { route: 'console', path: 'memberof' }, effect: { kind: 'status', status: 404 } }]);
  const partly = await investigate();
  expect(partly).toMatchObject({ code: 69 });
  expect(JSON.parse(partly.stdout)).toMatchObject({
    user: { username: user },
    groups: null,
    unread: [expect.stringMatching(/^the groups: .*404/)],
  });
});

it('simulate serves the directory of its tenant: an inventory is whole, and the users of its records are found there', async () => {
  const cwd = folder();
  const simulation = start(['simulate', '--port', '0', '--records', '300'], { cwd });
  await simulation.said('A simulated tenant');
  const { baseUrl, apiKey } = JSON.parse(simulation.stdout()) as { baseUrl: string; apiKey: string };
  const env = feedOf({ baseUrl, apiKey }, { INVENTORY_REQUESTS_PER_SECOND: '1000', INVENTORY_DIRECTORY: 'inventory' });
  expect(await callVerb(['run', '--once'], { cwd, env })).toMatchObject({ code: 0 });
  expect(await callVerb(['inventory', 'run'], { cwd, env })).toMatchObject({ code: 0 });
  const unknown = `WITH known AS (SELECT id FROM users UNION SELECT id FROM administrators)
    SELECT count(*) AS logins, count(*) FILTER (user.uid NOT IN (FROM known)) AS strangers
    FROM authentication WHERE user.uid IS NOT NULL`;
  const asked = await command(['query', '--format', 'json', unknown], { cwd, env });
  const { logins, strangers } = JSON.parse(asked.stdout) as { logins: number; strangers: number };
  expect(Number(logins)).toBeGreaterThan(0);
  expect(Number(strangers)).toBe(0);
});
