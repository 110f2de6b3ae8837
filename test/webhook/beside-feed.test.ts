import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openTables } from '../../collector/query/open-tables.js';
import { envelopeOf } from '../../fixtures/tenant/alerts/envelope.js';
import { startTenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';
import { compareTables } from '../cli/command.js';
import { freePort, SECRET, startCollector } from './running-collector.js';

/** The built command beside a tenant; both end with the test. */
async function collecting(options: TenantOptions) {
  const directory = await mkdtemp(join(tmpdir(), 'webhook-feed-'));
  const tenant = await startTenant(options);
  const collector = startCollector(tenant, directory, await freePort(), {
    ...{ POLL_INTERVAL: '1s', JUMPCLOUD_EVENT_TYPES: 'login,admin,other' },
  });
  onTestFinished(async () => {
    collector.child.kill('SIGTERM');
    await collector.ended;
    await tenant.close();
    await rm(directory, { recursive: true, force: true });
  });
  await collector.ready;
  const post = (body: string, secret = SECRET) =>
    fetch(collector.url, { method: 'POST', body, headers: { authorization: secret } });
  return { tenant, collector, post, tables: join(directory, 'tables') };
}

it('a finding names the event that the feed collects into account_change, under its uid', async () => {
  const { tenant, post, tables } = await collecting({ records: 0 });
  const notice = tenant.alerts.raise();
  tenant.add(notice.event, { at: Date.now() });
  // The spool opens beside the listener: until then JumpCloud is told to come back.
  const status = () => post(JSON.stringify(envelopeOf(notice))).then((answer) => answer.status);
  await expect.poll(status, { timeout: 60_000 }).toBe(200);
  const joined = async () => {
    const opened = await openTables(tables);
    try {
      const { rows } = await opened.query(`SELECT a.type_uid, a.metadata.event_code
        FROM detection_finding f JOIN account_change a ON a.metadata.uid = f.finding_info.related_events[1].uid
        WHERE a.type_uid = f.finding_info.related_events[1].type_uid`);
      const found: unknown[] = [];
      for await (const row of rows) found.push(row.map(String));
      return found;
    } finally {
      await opened.close();
    }
  };
  await expect
    .poll(() => joined().catch(() => []), { timeout: 60_000, interval: 500 })
    .toEqual([['300109', 'user_lockout']]);
});

it('slow and hostile senders keep no record of the feed and no alert away', async () => {
  const now = Date.now();
  const { tenant, collector, post, tables } = await collecting({ records: 200, from: now - 1_800_000, to: now });
  const { port, pathname } = new URL(collector.url);
  let goes = true;
  const sockets = Array.from({ length: 300 }, () => {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    const head = [`POST ${pathname} HTTP/1.1`, 'Host: x', 'Transfer-Encoding: chunked', `Authorization: ${SECRET}`];
    socket.write(`${head.join('\r\n')}\r\n\r\n1\r\n{\r\n`);
    return socket;
  });
  const hostile = async () => {
    while (goes) {
      await post('{}', 'wrong').catch(() => undefined);
      await post('['.repeat(100_000)).catch(() => undefined);
      await post('x'.repeat(1_048_577)).catch(() => undefined);
    }
  };
  const attacks = Array.from({ length: 4 }, hostile);
  for (let id = 0; id < 20; id += 1)
    tenant.add(
      { id: `beside-${id}`, service: 'sso', event_type: 'sso_auth', timestamp: new Date().toISOString() },
      { at: Date.now() },
    );
  const compared = () => compareTables(tables, tenant).catch(() => undefined);
  const delivered = { expected: 220, missing: 0, repeated: 0 };
  await expect.poll(compared, { timeout: 120_000, interval: 500 }).toMatchObject(delivered);
  const notice = JSON.stringify(envelopeOf(tenant.alerts.raise()));
  const status = () =>
    post(notice).then(
      (answer) => answer.status,
      () => 0,
    );
  await expect.poll(status, { timeout: 60_000, interval: 200 }).toBe(200);
  goes = false;
  await Promise.all(attacks);
  for (const socket of sockets) socket.destroy();
});
