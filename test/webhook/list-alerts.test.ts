import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkWebhook } from '../../collector/diagnostics/check-webhook.js';
import { CollectorError } from '../../collector/errors.js';
import { createClient } from '../../collector/jumpcloud/client.js';
import { readAlerts, readOccurrences } from '../../collector/jumpcloud/directory/alerts.js';
import type { AskDirectory } from '../../collector/jumpcloud/directory/ask.js';
import type { Batch } from '../../collector/sinks/sink.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { listAlerts } from '../../collector/webhook/list-alerts.js';
import { envelopeOf } from '../../fixtures/tenant/alerts/envelope.js';
import { startTenant, type TenantOptions } from '../../fixtures/tenant/tenant.js';
import { findingsOf, openRoad, organization, ownDirectory, type Road, rowsOf } from './open-road.js';
import { uidOf } from './running-collector.js';

/** A tenant with one channel, and a client of its directory. */
async function open(options: TenantOptions = {}) {
  const tenant = await startTenant({ records: 10, ...options, id: organization } as TenantOptions);
  const client = createClient({
    ...{ baseUrl: tenant.baseUrl, consoleUrl: tenant.consoleUrl, authorization: 'x-api-key' },
    ...{ secret: { value: tenant.apiKey, where: 'test' }, requestsPerSecond: 1_000 },
  });
  onTestFinished(async () => {
    client.close();
    await tenant.close();
  });
  return {
    tenant,
    client,
    alerts: tenant.alerts,
    env: { JUMPCLOUD_ORG_ID: tenant.organization, WEBHOOK_ALERTS_INTERVAL: '1s' },
  };
}

const noSink = { kind: 'broken', peek: async () => undefined, close: async () => {} };
const body = (notice: Parameters<typeof envelopeOf>[0]) => JSON.stringify(envelopeOf(notice));

/** Waits until the tables would hold so many notices: the road says so in its view. */
async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds() && tries < 20_000; tries += 1) await new Promise((resume) => setTimeout(resume, 10));
  expect(holds()).toBe(true);
}

describe('the list of alerts', () => {
  it.each(['webhook first', 'list first'])(
    'W6: gives with the webhook one finding under one uid (%s)',
    async (order) => {
      const { tenant, client, alerts, env } = await open();
      const directory = await ownDirectory();
      const notice = alerts.raise();
      const polls = () => tenant.requests.filter(({ path }) => path === '/api/v2/alerts').length;
      const push = async () => {
        const road = await openRoad({ directory, env });
        expect((await road.post(body(notice))).status).toBe(200);
        await road.stop();
      };
      const poll = async () => {
        const road = await openRoad({ directory, env, ask: client.directory! });
        const before = polls();
        await until(() => polls() >= before + 2);
        await road.stop();
      };
      await (order === 'webhook first' ? push() : poll());
      await (order === 'webhook first' ? poll() : push());
      expect((await findingsOf(directory)).map(([uid]) => uid)).toEqual([uidOf(notice)]);
      const [[related, lists] = []] = await rowsOf(
        directory,
        'SELECT finding_info.related_events[1].uid, metadata.log_source FROM detection_finding',
      );
      expect(lists).toBe(order === 'webhook first' ? 'webhook' : 'alerts');
      expect(related).toMatch(/^[0-9a-f]{32}$/);
    },
  );

  it('shows every occurrence and the status that no webhook brought, and counts them as missed', async () => {
    const { tenant, client, alerts, env } = await open({ now: () => Date.now() - 5 * 60_000 });
    const directory = await ownDirectory();
    // The lane's first start lies before the alert.
    await (await openRoad({ directory, env, behindMs: 10 * 60_000 })).stop();
    alerts.raise();
    const alert = alerts.alerts[0]!;
    for (let more = 0; more < 3; more += 1) alerts.occur(alert);
    alerts.setStatus(alert, 'ALERT_STATUS_RESOLVED');
    const brought = alerts.notices[1]!;
    const road = await openRoad({ directory, env });
    await road.post(body(brought));
    await road.stop();
    const polling = await openRoad({ directory, env, ask: client.directory! });
    await until(() => tenant.requests.filter(({ path }) => path === '/api/v2/alerts').length >= 3);
    await polling.stop();
    const uids = (await findingsOf(directory)).map(([uid]) => uid);
    expect([...uids].sort()).toEqual(alerts.notices.map(uidOf).sort());
    expect(polling.feed.view.missed).toBe(4);
  });

  it('shows what occurred while the clock of this machine was days ahead, and after that', async () => {
    const { tenant, client, alerts, env } = await open();
    const directory = await ownDirectory();
    for (const behindMs of [-10 * 86_400_000, -10 * 86_400_000, 0]) {
      const road = await openRoad({ directory, env, behindMs, ask: client.directory! });
      const polls = () => tenant.requests.filter(({ path }) => path === '/api/v2/alerts').length;
      const before = polls();
      await until(() => polls() >= before + 2);
      await road.stop();
      expect((await findingsOf(directory)).map(([uid]) => uid).sort()).toEqual(alerts.notices.map(uidOf).sort());
      alerts.raise();
    }
  });

  it('does not count as missed what its webhook brought and the spool still holds', async () => {
    const { client, alerts, env } = await open();
    const directory = await ownDirectory();
    // The lane's first start lies before the alerts.
    await (await openRoad({ directory, env, behindMs: 10 * 60_000 })).stop();
    const down = new CollectorError('SINK_UNAVAILABLE', 'The sink is down.', { cure: 'Wait.', transient: true });
    const broken = { open: () => Promise.reject(down), close: async () => {} };
    const waiting = await openRoad({ directory, env, sink: () => ({ ...noSink, lane: () => broken }) as never });
    expect((await waiting.post(body(alerts.raise()))).status).toBe(200);
    await waiting.stop();
    const later = { behindMs: 0 };
    let opened: (road: Road) => void = () => {};
    const ready = new Promise<Road>((resolve) => {
      opened = resolve;
    });
    let committed = 0;
    const road = await openRoad({
      ...{ directory, env, ask: client.directory! },
      get behindMs() {
        return later.behindMs;
      },
      sink: ({ name, tables }) => {
        const sink = createTablesSink({ directory: tables.directory, feed: name });
        const lane = (of: string) => {
          const own = sink.lane(of);
          const commit = async (batch: Batch) => {
            if (batch.events.length > 0 && committed++ === 0) {
              expect((await (await ready).post(body(alerts.raise()))).status).toBe(200);
              // So long does this commit take.
              later.behindMs = -10 * 60_000;
            }
            return own.commit(batch);
          };
          return { open: () => own.open(), commit, close: () => own.close() };
        };
        return { ...sink, lane } as never;
      },
    });
    opened(road);
    await until(() => committed >= 2);
    await road.stop();
    expect((await findingsOf(directory)).map(([uid]) => uid).sort()).toEqual(alerts.notices.map(uidOf).sort());
    expect(road.feed.view.missed).toBe(0);
  });

  it('with a webhook that waited in the spool of a second instance for longer than names are remembered, is one finding', async () => {
    let behindMs = 9 * 86_400_000;
    const { tenant, client, alerts, env } = await open({ now: () => Date.now() - behindMs });
    const directory = await ownDirectory();
    const second = { ...env, STATE_DIRECTORY: join(directory, 'second') };
    const polls = () => tenant.requests.filter(({ path }) => path === '/api/v2/alerts').length;
    const poll = async () => {
      const road = await openRoad({ directory, env, ask: client.directory!, behindMs });
      const before = polls();
      await until(() => polls() >= before + 2);
      await road.stop();
    };
    await (await openRoad({ directory, env, behindMs })).stop();
    const notice = alerts.raise();
    const inUse = new CollectorError('LANE_IN_USE', 'The first instance holds it.', { cure: 'Wait.' });
    const lane = { open: () => Promise.reject(inUse), close: async () => {} };
    const sink = () => ({ ...noSink, lane: () => lane }) as never;
    const waiting = await openRoad({ directory, env: second, behindMs, sink });
    expect((await waiting.post(body(notice))).status).toBe(200);
    await waiting.stop();
    await poll();
    behindMs = 0;
    await poll();
    expect(await findingsOf(directory)).toHaveLength(1);

    await (await openRoad({ directory, env: second })).stop();
    expect((await findingsOf(directory)).map(([uid]) => uid)).toEqual([uidOf(notice)]);
  });

  it('brings what else it holds where a row has objects in place of times and counts', async () => {
    const object = { toString: 1 };
    const now = Date.now();
    const lastOccurredAt = new Date(now).toISOString();
    const sound = { objectId: 'a2', status: 'ALERT_STATUS_OPEN', occurrencesCount: 2, lastOccurredAt };
    const rows = [{ ...sound, objectId: 'a1', lastOccurredAt: object, occurrencesCount: object }, sound];
    const ask: AskDirectory = async (path) => {
      const occurrences = { alertOccurrences: [{ occurredAt: object }, { occurredAt: lastOccurredAt }], count: 2 };
      return { value: path.includes('/occurrences') ? occurrences : { alerts: rows, count: 2 }, headers: {} };
    };
    const question = { since: now - 60_000, organization, isKnown: () => false };
    const found = await listAlerts(ask)(question, new AbortController().signal);
    expect(found.map(({ value }) => [value.objectId, value.occurrencesCount])).toEqual([['a2', 2]]);
  });

  it('asks for the occurrences of an alert whose id no address can hold, and ends no lane', async () => {
    const ask: AskDirectory = async (path) => {
      expect(path).toMatch(/^\/api\/v2\/alerts\/%EF%BF%BD\/occurrences/);
      return { value: { alertOccurrences: [], count: 0 }, headers: {} };
    };
    expect(await readOccurrences(ask, '\ud800')).toEqual([]);
  });

  it('is read to its end however long it is, and refused where it does not end', async () => {
    const since = Date.UTC(2026, 10, 1);
    const alertAt = (skip: number) => ({ lastOccurredAt: new Date(since + (100_000 - skip) * 1_000).toISOString() });
    const listOf =
      (count: number): AskDirectory =>
      async (path) => {
        const skip = Number(new URLSearchParams(path.slice(path.indexOf('?'))).get('skip'));
        const alerts = Array.from({ length: Math.min(100, count - skip) }, (_, index) => alertAt(skip + index));
        return { value: { alerts, count }, headers: {} };
      };
    expect(await readAlerts(listOf(2_345), since)).toHaveLength(2_345);
    await expect(readAlerts(listOf(10_000_000), since)).rejects.toMatchObject({ code: 'RESPONSE_INVALID' });
  });

  it('is reported as a failure where the role may not read it, and webhooks are delivered all the same', async () => {
    const { client, alerts, env } = await open({ keys: [{ scopes: ['directoryinsights.readonly'] }] } as TenantOptions);
    const road = await openRoad({ env, ask: client.directory! });
    await until(() => road.feed.view.listFailure !== null);
    expect(road.feed.view.listFailure?.code).toBe('ROLE_REFUSED');
    const notice = alerts.raise();
    await road.post(body(notice));
    await road.stop();
    expect((await findingsOf(road.directory)).map(([uid]) => uid)).toEqual([uidOf(notice)]);
  });

  it('W11: brings the finding whose webhook has an unknown shape, and the body is kept', async () => {
    const { tenant, client, alerts, env } = await open();
    const notice = alerts.raise();
    const road = await openRoad({ env, ask: client.directory! });
    await road.post(JSON.stringify({ future: { alertRef: notice.alert.objectId } }));
    await until(() => tenant.requests.filter(({ path }) => path === '/api/v2/alerts').length >= 2);
    await road.stop();
    expect((await findingsOf(road.directory)).map(([uid]) => uid)).toEqual([uidOf(notice)]);
    expect(await rowsOf(road.directory, 'SELECT reason FROM dead_letters')).toEqual([['unknown_shape']]);
  });

  it('makes the receiver degraded where JumpCloud itself was answered 401', async () => {
    const { client, alerts, env } = await open();
    Object.assign(alerts.channels[0]!, { lastResponseStatusCode: 401, lastResponseTimeStamp: '2026-11-28T09:00:00Z' });
    const road = await openRoad({ env, ask: client.directory! });
    await until(() => road.feed.view.degraded !== null);
    expect(road.feed.view.degraded).toContain('401');
    expect(road.log()).toContain('the last answer JumpCloud got through channel SIEM was 401');
    await road.stop();
  });
});

describe('check of webhooks', () => {
  const lines = async ({ client }: Awaited<ReturnType<typeof open>>) => {
    const { config } = await openRoad();
    const found = await checkWebhook(config, client, new AbortController().signal);
    return found.map(({ verdict, message }) => `${verdict}: ${message}`);
  };

  it('reports that all is well', async () => {
    const opened = await open();
    expect(await lines(opened)).toEqual([
      'ok: JumpCloud has the channel SIEM, 0 % of 0 requests succeeded',
      'ok: the list of alerts can be read',
    ]);
  });

  it('counts a rule as enabled whose status is an object', async () => {
    const opened = await open();
    for (const rule of opened.alerts.rules) Object.assign(rule, { status: { toString: 1 } });
    expect((await lines(opened)).every((line) => line.startsWith('ok: '))).toBe(true);
  });

  it('reports a channel that is attached to no enabled rule, and one whose last answer was 401', async () => {
    const opened = await open();
    for (const rule of opened.alerts.rules) rule.enabled = false;
    Object.assign(opened.alerts.channels[0]!, { lastResponseStatusCode: 401, totalRequests: 4, successes: 3 });
    expect(await lines(opened)).toEqual([
      'warning: the last answer JumpCloud got through channel SIEM was 401: its secret is wrong',
      'warning: the channel SIEM is attached to no enabled rule',
      'ok: the list of alerts can be read',
    ]);
  });

  it('reports where JumpCloud has no channel for the feed, and where the role may not read them', async () => {
    const opened = await open();
    opened.alerts.channels[0]!.url = 'https://elsewhere.example.com/';
    expect(await lines(opened)).toEqual([
      'warning: JumpCloud has no webhook channel whose URL ends with that of this feed',
      'ok: the list of alerts can be read',
    ]);
    const narrow = await open({ keys: [{ scopes: [] }] } as TenantOptions);
    expect((await lines(narrow)).every((line) => line.startsWith('warning: '))).toBe(true);
  });
});
