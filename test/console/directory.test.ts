import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { graphMl } from '../../collector/console/handlers/graphml.js';
import { consoleOverTenant, put, until } from './console-over-tenant.js';
import type { Reply } from './harness.js';

const HOSTILE = '=1+1<b>&"\u202e';

it('accounts and entitlements are found, with both directions of what belongs together, and taken away as CSV and GraphML', async () => {
  const { one, admin, document, tenant } = await consoleOverTenant({
    built: true,
    records: 1,
    tenant: { directory: { users: 3, groups: 2, administrators: 2, applications: 1, customRoles: 0 } },
  });
  const { directory, baseUrl, apiKey, consoleUrl } = tenant;
  const [user] = directory.ids('users') as [string];
  const [group] = directory.ids('groups') as [string];
  directory.change('groups', group, { name: HOSTILE });
  directory.addMember(group, user);
  await put(
    admin,
    document('acme', {
      account: { name: 'Acme production' },
      jumpcloud: { baseUrl, consoleUrl, apiKey, eventTypes: ['login'] },
      inventory: { directory: 'inventory', requestsPerSecond: 50 },
    }),
  );
  const get = async (path: string) => (await admin.get(`/feeds/acme/directory${path}`)).json;
  const ended = async (job: Reply) => {
    expect([job.status, job.json.kind]).toEqual([202, 'inventory']);
    return until(
      async () => (await admin.get(`/jobs/${job.json.id}`)).json,
      ({ state }) => state !== 'running',
    );
  };
  const run = async () => ended(await admin.send('POST', '/feeds/acme/inventory/runs', {}));
  const inventory = async () => (await admin.get('/feeds/acme/inventory')).json.view;
  expect(await inventory()).toBeNull();
  expect(await run()).toMatchObject({ state: 'done', error: null, message: expect.stringContaining('generation 1') });
  expect(await inventory()).toMatchObject({ state: 'disabled', generation: 1, removalsHeld: 0, degraded: null });
  const accounts = await get('');
  expect(accounts.entries).toContainEqual(
    expect.objectContaining({ kind: 'user', id: user, account: tenant.organization, since: expect.any(String) }),
  );
  const whole = await get(`/group/${group}`);
  expect(whole.relations).toContainEqual(expect.objectContaining({ direction: 'to', kind: 'user', id: user }));
  expect(whole.entry).toMatchObject({ kind: 'group', name: HOSTILE, account: tenant.organization });
  expect((await get(`/user/${user}`)).relations).toContainEqual(
    expect.objectContaining({ direction: 'from', kind: 'group', id: group, name: HOSTILE, ended: null }),
  );
  const entitled = await get(`?kinds=group,role,application&q=${encodeURIComponent('=1+1<B>')}`);
  expect(entitled.entries).toMatchObject([{ id: group }]);
  expect((await get('/user/nobody')).code).toBe('NO_ENTRY');

  const graph = await admin.get('/feeds/acme/directory-graph');
  expect(graph.headers['content-type']).toContain('graphml');
  expect(graph.text).toContain(`<edge source="group/${group}" target="user/${user}">`);
  expect(wellFormed(graph.text)).toBe('ok');
  const csv = await admin.send('POST', '/queries', {
    feed: 'acme',
    sql: 'SELECT name FROM groups',
    format: 'csv-safe',
  });
  expect(csv.text).toContain(`'=1+1`);
  // No application is left, which a directory usually does not lose: the removal waits for an operator.
  for (const id of directory.ids('applications')) directory.remove('applications', id);
  directory.removeMember(group, user);
  for (let tries = 0; tries < 3 && (await inventory()).removalsHeld === 0; tries += 1) await run();
  const held = await inventory();
  expect(held.stages.find(({ stage }: { stage: string }) => stage === 'applications')).toMatchObject({ held: 1 });
  const confirm = (generation: number) => admin.send('POST', '/feeds/acme/inventory/confirmations', { generation });
  expect((await confirm(held.generation - 1)).json.code).toBe('USAGE');
  expect(await ended(await confirm(held.generation))).toMatchObject({ state: 'done' });
  expect(await inventory()).toMatchObject({ removalsHeld: 0 });
  expect((await get('?kinds=application')).entries).toEqual([]);
  expect((await confirm(held.generation + 1)).json.code).toBe('NOTHING_HELD');
  // What was so before is shown with its end.
  expect((await get(`/user/${user}`)).relations).toContainEqual(
    expect.objectContaining({ direction: 'from', id: group, ended: expect.any(String) }),
  );

  const viewer = await one.user(admin, 'eva', 'viewer');
  expect((await viewer.get('/feeds/acme/inventory')).status).toBe(200);
  expect((await viewer.send('POST', '/feeds/acme/inventory/runs', {})).status).toBe(403);
  for (const path of ['directory', `directory/user/${user}`, 'directory-graph'])
    expect((await viewer.get(`/feeds/acme/${path}`)).status).toBe(403);
});

it('GraphML holds any name, and an end that is not listed as a node of its own', async () => {
  const base = { account: null, to_kind: null, to_id: null, since: null };
  const name = `<&>"' \u0000\ud800\ufffe\n\u202e`;
  const rows = [
    { ...base, kind: 'group', id: 'g"<1', name },
    { ...base, kind: 'group', id: 'g"<1', name: null, to_kind: 'user', to_id: 'u&2' },
  ];
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  let written = '';
  for await (const piece of graphMl(
    (async function* () {
      yield text.slice(0, 50);
      yield text.slice(50);
    })(),
  ))
    written += piece;
  expect(wellFormed(written)).toBe('ok');
  expect(written).toContain('<node id="user/u&amp;2"><data key="kind">user</data></node>');
  expect(written).toContain(
    '<edge source="group/g&quot;&lt;1" target="user/u&amp;2"><data key="relation">HAS</data></edge>',
  );
});

/** What an XML parser says. */
function wellFormed(xml: string): string {
  const program = 'import sys, xml.dom.minidom as m\nm.parseString(sys.stdin.buffer.read())\nprint("ok")';
  return execFileSync('python3', ['-c', program], { input: xml, encoding: 'utf8' }).trim();
}
