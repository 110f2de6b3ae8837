import { expect, it } from 'vitest';
import { createLog } from '../../collector/log/logger.js';
import { startWebhooks, type WebhookListener } from '../../collector/server/webhook-listener.js';
import { consoleOverTenant, put, until } from './console-over-tenant.js';

/** Digests of secrets lie there. Below the root of tables, which is this test's own. */
const state = { state: { directory: 'state' } };
const TEST_BODY = { type: 'user_lockout', tags: [], channels: {}, organization_object_id: 'org_789' };

it('Connect makes URL and secret, shows JumpCloud’s test, and to an operator alone why a request was refused', async () => {
  let open: WebhookListener | undefined;
  const log = createLog({ level: 'error', format: 'json' });
  const { one, admin, document } = await consoleOverTenant({
    records: 1,
    env: { RECEIVER_URL: 'https://hooks.example.com' },
    listen: async (receiver) =>
      (open = await startWebhooks({ host: '127.0.0.1', port: 0, receiver, log, cert: undefined, key: undefined })),
  });
  await put(admin, document('acme', { ...state, webhook: { enabled: true } }));
  const look = () => admin.get('/feeds/acme/webhook');
  const before = await until(look, ({ json }) => json.view?.degraded === null);
  expect(before.json).toMatchObject({
    enabled: true,
    url: 'https://hooks.example.com/webhook/jumpcloud/acme',
    hasAddress: true,
    secret: 'none',
    previousUntil: null,
    view: { lastTest: null, lastRefused: null, refused: 0 },
  });
  expect(before.json.steps.join(' ')).toContain('Press Test Webhook');

  const made = await admin.send('POST', '/feeds/acme/webhook/secret', { overlapHours: 24 });
  expect(made.status).toBe(201);
  expect(made.json.previousUntil).toBeNull();
  const { secret } = made.json;
  const post = (authorization: string) =>
    fetch(`http://127.0.0.1:${open!.port}/webhook/jumpcloud/acme`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(TEST_BODY),
    }).then(({ status }) => status);
  // The receiver looks for secrets once per second.
  await until(
    () => post(`Bearer ${secret}`),
    (status) => status === 200,
  );
  expect((await look()).json.view.lastTest).toMatchObject({ organization: expect.any(String) });

  // Rotation: both are taken until the overlap is over; without an overlap the old one is refused, and said to be old.
  const next = await admin.send('POST', '/feeds/acme/webhook/secret', { overlapHours: 24 });
  expect(Date.parse(next.json.previousUntil)).toBeGreaterThan(one.now);
  expect((await look()).json).toMatchObject({ secret: 'made', previousUntil: next.json.previousUntil });
  await until(
    () => post(`Bearer ${next.json.secret}`),
    (status) => status === 200,
  );
  expect(await post(`Bearer ${secret}`)).toBe(200);
  const last = await admin.send('POST', '/feeds/acme/webhook/secret', { overlapHours: 0 });
  await until(
    () => post(`Bearer ${last.json.secret}`),
    (status) => status === 200,
  );
  for (const [sent, reason] of [
    [secret, 'old_secret'],
    [`Basic ${btoa('a:b')}`, 'basic_instead_of_token'],
    [`${last.json.secret.slice(0, 9)} ${last.json.secret.slice(9)}`, 'white_space_inside'],
  ] as const) {
    expect(await post(sent)).toBe(401);
    expect((await look()).json.view.lastRefused).toMatchObject({ reason });
  }

  // Others see that something is refused, and not why.
  const operator = await one.user(admin, 'oda', 'operator');
  const analyst = await one.user(admin, 'ben', 'analyst');
  expect((await operator.get('/feeds/acme/webhook')).json.view.lastRefused.reason).toBe('white_space_inside');
  expect((await operator.send('POST', '/feeds/acme/webhook/secret', { overlapHours: 1 })).status).toBe(403);
  expect((await analyst.get('/feeds/acme/webhook')).status).toBe(403);
  const status = (await analyst.get('/feeds/acme/status')).json.view.webhook;
  expect(status).toMatchObject({ refused: expect.any(Number), lastRefused: null });
  for (const place of ['status', 'log'])
    expect((await analyst.get(`/feeds/acme/${place}`)).text).not.toMatch(/white space|replaced/);
  expect((await operator.get('/feeds/acme/log')).text).toContain('A webhook request was refused');

  // No secret in anything but the answer that showed it.
  const shown = [
    await look(),
    await admin.get('/feeds/acme/status'),
    await admin.get('/audit'),
    await admin.get('/feeds/acme/log'),
  ];
  for (const value of [secret, next.json.secret, last.json.secret])
    for (const { text } of [...shown, { text: one.logged() }]) expect(text).not.toContain(value);
});

it('a secret of the configuration is changed there, and a feed without webhooks says so', async () => {
  const { admin, document } = await consoleOverTenant({ records: 1 });
  const { headers } = await put(admin, document('acme', state));
  const off = await admin.get('/feeds/acme/webhook');
  expect(off.json).toMatchObject({ enabled: false, hasAddress: false, view: null, secret: 'none' });
  const webhook = { enabled: true, secret: 'a-secret-of-the-configuration' };
  await put(admin, document('acme', { ...state, webhook }), { 'if-match': headers.etag });
  expect((await admin.get('/feeds/acme/webhook')).json.secret).toBe('configuration');
  const refused = await admin.send('POST', '/feeds/acme/webhook/secret', { overlapHours: 24 });
  expect([refused.status, refused.json.code]).toEqual([422, 'CONFIG_INVALID']);
  expect(refused.json.cure).toContain('webhook.previousSecret');
});
