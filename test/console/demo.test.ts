import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { folder, start } from '../cli/command.js';
import { freePort } from '../free-port.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { until } from './console-over-tenant.js';
import { peopleAt } from './harness.js';

/** Whom the events of a directory of tables are about. */
async function usersIn(directory: string): Promise<string[]> {
  if (!existsSync(join(directory, 'authentication'))) return [];
  // Administrators log in as well; they are no users.
  const sql =
    'SELECT DISTINCT user_uid FROM authentication WHERE "user".type_id = 1 AND user_uid IS NOT NULL ORDER BY 1';
  return (await rowsOf(directory, sql)).map(([uid]) => String(uid));
}

it('the demo’s console acts on the users of its events: planned, executed and found suspended', async () => {
  const cwd = folder();
  const port = await freePort();
  const demo = start(['demo', '--console', '--records', '600', '--port', String(port)], { cwd });
  const place = join(cwd, 'data', 'demo');
  const people = peopleAt(port, join(place, 'console'));
  await demo.until(() => existsSync(join(place, 'console', 'first-login')));
  const admin = await people.firstAdmin();
  const [shown] = (await admin.get('/response')).json.feeds;
  expect(shown).toMatchObject({ feed: 'demo', stopped: false, account: { kept: 'console' } });
  const users = await until(
    () => usersIn(join(place, 'tables', 'demo')),
    (found) => found.length > 3,
  );
  const listed = () => admin.get('/feeds/demo/directory').then(({ json }) => json.entries ?? []);
  expect((await until(listed, (found) => found.length > 0)).length).toBeGreaterThan(0);
  const actions = '/feeds/demo/response/actions';
  const plans = [];
  // Some are administrators too: of those another person decides.
  while (plans.at(-1)?.state !== 'planned') {
    const user = users[plans.length];
    const { status, json, text } = await admin.send('POST', actions, { verb: 'disable-user', user, reason: 'INC-1' });
    expect(status, text).toBe(201);
    plans.push(json);
  }
  const { actionId, hash } = plans.at(-1);
  const job = await admin.send('POST', `${actions}/${actionId}/execution`, { hash });
  expect(job.status, job.text).toBe(202);
  const action = () => admin.get(`${actions}/${actionId}`).then(({ json }) => json);
  expect(await until(action, ({ outcome }) => outcome !== null)).toMatchObject({ state: 'verified' });
  demo.child.kill('SIGINT');
  expect((await demo.ended).code).toBe(0);
});
