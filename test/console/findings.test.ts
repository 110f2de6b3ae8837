import { expect, it } from 'vitest';
import { consoleOverTenant, put, until } from './console-over-tenant.js';

it('findings are listed as they are now, and a page holds whom one is about, the evidence and what is related', async () => {
  const { one, admin, document, tenant } = await consoleOverTenant({
    built: true,
    records: 5,
    tenant: { directory: { users: 3, groups: 2 } },
  });
  const id = tenant.directory.ids('users')[0]!;
  const username = String(tenant.directory.get('users', id)!.username);
  const about = { resource: { id, type: 'user', username } };
  const event = { ...tenant.alerts.lockout(), ...about };
  tenant.add(event);
  const alertOf = ({ alert }: { alert: { objectId: string } }) =>
    tenant.alerts.alerts.find(({ objectId }) => objectId === alert.objectId)!;
  const first = tenant.alerts.raise(event);
  tenant.alerts.setStatus(alertOf(first), 'ALERT_STATUS_RESOLVED');
  const hostile = '<img src=x onerror=alert(1)>\u202e';
  const second = tenant.alerts.raise({ ...tenant.alerts.lockout(), ...about });
  Object.assign(alertOf(second), { title: hostile });
  const { baseUrl, apiKey, consoleUrl } = tenant;
  await put(
    admin,
    document('acme', {
      jumpcloud: { baseUrl, consoleUrl, apiKey, eventTypes: ['login', 'admin', 'other'] },
      state: { directory: 'state' },
      webhook: { enabled: true },
    }),
  );
  const list = async (query = '') => (await admin.get(`/feeds/acme/findings${query}`)).json;
  const all = await until(list, ({ findings }) =>
    findings?.some((found: { status: string }) => found.status === 'Resolved'),
  );
  expect(all).toMatchObject({ more: false, skippedFiles: 0 });
  expect(all.findings.map(({ status }: { status: string }) => status).sort()).toEqual(['New', 'Resolved']);
  expect((await list('?status=Resolved')).findings).toMatchObject([
    { finding: first.alert.objectId, severity: 'High' },
  ]);
  expect((await list('?severity=Low')).findings).toEqual([]);

  const page = (await admin.get(`/feeds/acme/findings/${first.alert.objectId}`)).json;
  expect(page).toMatchObject({
    status: 'Resolved',
    user: id,
    person: { user: { id, username }, unread: [] },
  });
  expect(page.person.groups).toEqual(expect.any(Array));
  expect(page.person.findings.map(({ finding }: { finding: string }) => finding)).toContain(second.alert.objectId);
  expect(page.evidence).toMatchObject({ metadata: { event_code: 'user_lockout' } });
  expect(page.event).toMatchObject({ class_uid: 2004 });
  expect((await admin.get(`/feeds/acme/findings/${second.alert.objectId}`)).json.title).toBe(hostile);
  expect((await admin.get('/feeds/acme/findings/nothing')).json.code).toBe('NO_FINDING');

  // A feed that delivers into the same directory has none of them.
  const shared = document('acme').tables;
  await put(admin, document('north', { tables: shared }));
  expect((await admin.get('/feeds/north/findings')).json.findings).toEqual([]);
  expect((await admin.get(`/feeds/north/findings/${first.alert.objectId}`)).json.code).toBe('NO_FINDING');

  // Whom the directory no longer has is noted; two pages at a time wait for each other.
  tenant.directory.remove('users', id);
  const both = await Promise.all([
    admin.get(`/feeds/acme/findings/${first.alert.objectId}`),
    admin.get('/feeds/acme/findings'),
  ]);
  expect(both.map(({ status }) => status)).toEqual([200, 200]);
  expect(both[0].json.person.user).toBeNull();
  expect(both[0].json.person.unread.join()).toContain('the user: 404');
  const viewer = await one.user(admin, 'eva', 'viewer');
  expect((await viewer.get('/feeds/acme/findings')).status).toBe(403);
});
