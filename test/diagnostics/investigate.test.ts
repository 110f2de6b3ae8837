import { expect, it, onTestFinished } from 'vitest';
import { investigateUser, userOfFinding } from '../../collector/diagnostics/investigate.js';
import { createClient } from '../../collector/jumpcloud/client.js';
import { openTables } from '../../collector/query/open-tables.js';
import { envelopeOf } from '../../fixtures/tenant/alerts/envelope.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { openRoad } from '../webhook/open-road.js';

it('shows what directory and tables hold of a person, by name or by a finding, and only reads', async () => {
  const tenant = await startTenant({ records: 10, directory: { users: 5, groups: 2 } } as never);
  const client = createClient({
    ...{ baseUrl: tenant.baseUrl, consoleUrl: tenant.consoleUrl, authorization: 'x-api-key' },
    ...{ secret: { value: tenant.apiKey, where: 'test' }, requestsPerSecond: 1_000 },
  });
  const road = await openRoad({ env: { JUMPCLOUD_ORG_ID: tenant.organization } });
  const { signal } = new AbortController();
  const { value } = await client.directory!('/api/systemusers?limit=1', {}, signal);
  const [user] = (value as { results: { _id: string; username: string; email: string }[] }).results;
  const notice = tenant.alerts.raise({
    ...tenant.alerts.lockout(),
    resource: { id: user!._id, type: 'user', username: user!.username },
  });
  await road.post(JSON.stringify(envelopeOf(notice)));
  await road.stop();
  const tables = await openTables(road.config.tables.directory, { feed: road.config.name });
  onTestFinished(async () => {
    await tables.close();
    client.close();
    await tenant.close();
  });
  expect(await userOfFinding(notice.alert.objectId, tables)).toBe(user!._id);
  for (const named of [user!._id, user!.username, user!.email])
    expect(await investigateUser(named, client.directory, tables, signal)).toMatchObject({
      user: { id: user!._id, username: user!.username },
      findings: [{ finding: notice.alert.objectId, status: 'New' }],
      unread: [],
    });
  await expect(investigateUser('nobody.at.all', client.directory, tables, signal)).rejects.toMatchObject({
    code: 'USAGE',
  });
  const ofOther = await openTables(road.config.tables.directory, { feed: 'north' });
  await expect(userOfFinding(notice.alert.objectId, ofOther)).rejects.toMatchObject({ code: 'USAGE' });
  expect(await investigateUser(user!._id, client.directory, ofOther, signal)).toMatchObject({ findings: [] });
  await ofOther.close();
  await expect(userOfFinding("x' OR 1=1 --", tables)).rejects.toMatchObject({ code: 'USAGE' });
  expect(tenant.requests.filter(({ path, method }) => path.startsWith('/api/') && method !== 'GET')).toEqual([]);
  const blind = await investigateUser(user!._id, undefined, undefined, signal);
  expect(blind).toMatchObject({ user: null, groups: null });
  expect(blind.unread).toHaveLength(2);
});

it('a row of JumpCloud that has an object in place of a name is nobody', async () => {
  const ask = async () => ({
    value: { results: [{ username: { toString: 1 }, email: { toString: 1 } }] },
    headers: {},
  });
  await expect(investigateUser('ana.lima', ask, undefined, new AbortController().signal)).rejects.toMatchObject({
    code: 'USAGE',
  });
});
