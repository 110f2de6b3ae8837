import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import { startWebhooks } from '../../collector/server/webhook-listener.js';
import type { Batch } from '../../collector/sinks/sink.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { digestOf } from '../../collector/webhook/judge-credential.js';
import { SecretStore } from '../../collector/webhook/secret-store.js';
import { envelopeOf, testBody } from '../../fixtures/tenant/alerts/envelope.js';
import { sendNotices } from '../../fixtures/tenant/alerts/sender.js';
import { type AlertNotice, AlertState } from '../../fixtures/tenant/alerts/state.js';
import { noticeUid } from '../../mappings/alerts/finding.js';
import { readHeader } from '../../mappings/record.js';
import { findingsOf, openRoad, organization, ownDirectory, type Road, rowsOf } from './open-road.js';

/** A moment that moves a second with each look. */
function ticking(): () => number {
  let now = Date.UTC(2026, 10, 28, 9);
  return () => (now += 1_000);
}

const noSink = () => new CollectorError('SINK_UNAVAILABLE', 'The sink is down.', { cure: 'Wait.', transient: true });
const brokenSink = {
  kind: 'broken',
  lane: () => ({
    open: () => Promise.reject(noSink()),
    commit: () => Promise.reject(noSink()),
    close: () => Promise.resolve(),
  }),
  peek: () => Promise.resolve(undefined),
  close: () => Promise.resolve(),
} as never;
const alertsOf = (seed: number) => new AlertState(seed, organization, ticking());
const uidOf = ({ alert, status, occurrence }: AlertNotice) =>
  noticeUid(organization, { alertId: alert.objectId, status: status.replace('ALERT_STATUS_', ''), occurrence });

describe('the road of webhooks', () => {
  it('W1: answers the body of Test Webhook, delivers nothing, and reports which organization it names', async () => {
    const road = await openRoad();
    expect(await road.post(JSON.stringify(testBody('org_789')))).toEqual({
      status: 200,
      body: { status: 'ok', test: true },
    });
    expect(road.feed.view.lastTest?.organization).toBe('other');
    expect(await road.post(JSON.stringify(testBody(organization)))).toMatchObject({ body: { test: true } });
    expect(road.feed.view.lastTest?.organization).toBe('own');
    expect(road.outcomes).toEqual({ test_of_other: 1, test: 1 });
    await road.stop();
    expect(await rowsOf(road.directory, 'SELECT * FROM events')).toEqual([]);
    expect(await rowsOf(road.directory, 'SELECT * FROM dead_letters')).toEqual([]);
  });

  it('W2: refuses absent, repeated and wrong credentials with 401, and takes the right one with blanks around it', async () => {
    const road = await openRoad();
    const raw = (lines: readonly string[]) =>
      new Promise<string>((resolve, reject) => {
        const { port, pathname } = new URL(road.url);
        const socket = connect(Number(port), '127.0.0.1');
        let text = '';
        socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        socket.on('error', reject).on('close', () => resolve(text.split('\r\n', 1)[0]!));
        const head = [`POST ${pathname} HTTP/1.1`, 'Host: x', 'Content-Length: 2', 'Connection: close', ...lines];
        socket.write(`${head.join('\r\n')}\r\n\r\n{}`);
      });
    expect(await raw([])).toBe('HTTP/1.1 401 Unauthorized');
    expect(await raw([`Authorization: Bearer ${road.secret}`, `Authorization: Bearer ${road.secret}`])).toContain(
      '401',
    );
    expect(await raw(['Authorization: Bearer nope'])).toContain('401');
    expect(road.feed.view).toMatchObject({ refused: 3, lastRefused: { reason: 'wrong_secret' } });
    expect(road.feed.view.degraded).toContain('refused');
    // The HTTP parser takes the blanks off.
    expect(await raw([`Authorization:   Bearer ${road.secret}  `])).toContain('200');
    expect(road.log()).not.toContain(road.secret);
  });

  it('W8: makes of rising occurrences and statuses one finding that is created, updated and closed', async () => {
    const road = await openRoad();
    const alerts = alertsOf(3);
    const { alert } = alerts.raise();
    const own = alerts.alerts[0]!;
    for (let more = 0; more < 3; more += 1) alerts.occur(own);
    alerts.setStatus(own, 'ALERT_STATUS_ACKNOWLEDGED');
    alerts.setStatus(own, 'ALERT_STATUS_RESOLVED');
    for (const notice of alerts.notices) await road.post(JSON.stringify(envelopeOf(notice)));
    await road.stop();
    const found = await findingsOf(road.directory);
    expect(found.map((row) => row.slice(1))).toEqual(
      [
        [1, 1, 1],
        [2, 1, 2],
        [2, 1, 3],
        [2, 1, 4],
        [2, 2, 4],
        [3, 4, 4],
      ].map((rest) => [alert.objectId, ...rest]),
    );
    expect(new Set(found.map(([uid]) => uid))).toEqual(new Set(alerts.notices.map(uidOf)));
  });

  it('names the record inside as evidence and related event, under the uid that it has when it is collected', async () => {
    const road = await openRoad();
    const { event, ...notice } = alertsOf(4).raise();
    await road.post(JSON.stringify(envelopeOf({ event, ...notice })));
    await road.stop();
    const { uid } = readHeader({ text: JSON.stringify(event), value: event, depth: 2 });
    expect(
      await rowsOf(
        road.directory,
        `SELECT finding_info.related_events[1].uid, finding_info.related_events[1].type_uid, evidences[1].user.name,
           evidences[1].src_endpoint.ip, resources[1].role, severity_id FROM detection_finding`,
      ),
    ).toEqual([[uid, 300109, 'user.3', '198.51.100.4', 'Affected', 4]]);
  });

  it('W9: keeps what is no JSON or no alert, decodes gzip, and refuses what is too large or not to be decoded', async () => {
    const road = await openRoad();
    const notice = JSON.stringify(envelopeOf(alertsOf(5).raise()));
    const unknown = ['not json', '[1, 2]', '"text"', '{"data": {"future": true}}', '', '[['.repeat(5_000)];
    for (const body of unknown) expect((await road.post(body)).status).toBe(200);
    expect((await road.post(gzipSync(notice), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect((await road.post(notice, { 'content-type': 'text/plain' })).status).toBe(200);
    expect((await road.post(Buffer.alloc(1024 * 1024 + 1, 'x'))).status).toBe(413);
    expect((await road.post(gzipSync(Buffer.alloc(64 * 1024 * 1024)), { 'content-encoding': 'gzip' })).status).toBe(
      415,
    );
    expect((await road.post('x', { 'content-encoding': 'zstd' })).status).toBe(415);
    expect((await fetch(road.url)).status).toBe(405);
    expect((await fetch(road.url.replace('acme', 'other'), { method: 'POST' })).status).toBe(404);
    await road.stop();
    const letters = await rowsOf(road.directory, 'SELECT reason, raw FROM dead_letters');
    expect(letters.map(([reason]) => reason)).toEqual(unknown.map(() => 'unknown_shape'));
    expect(letters.map(([, raw]) => raw).sort()).toEqual([...unknown].sort());
    expect(await findingsOf(road.directory)).toHaveLength(1);
  });

  it('W9: ends a client that sends its body too slowly, and goes on', async () => {
    const road = await openRoad({ listener: { patienceMs: 300 } });
    const { port, pathname } = new URL(road.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const head = [`POST ${pathname} HTTP/1.1`, 'Host: x', 'Transfer-Encoding: chunked'];
    socket.write(`${head.join('\r\n')}\r\nAuthorization: Bearer ${road.secret}\r\n\r\n1\r\n{\r\n`);
    await closed;
    // A busy machine may be too slow for that patience, too.
    await vi.waitFor(async () => expect((await road.post('{}')).status).toBe(200), { timeout: 60_000 });
  });

  it('keeps an alert of another organization apart, answers it 200, and passes no secret on', async () => {
    const road = await openRoad();
    const foreign = envelopeOf(new AlertState(6, '5f0000000000000000000002', ticking()).raise());
    expect((await road.post(JSON.stringify({ ...foreign, api_key: 'jca_0123456789abcdefghijklmnop' }))).status).toBe(
      200,
    );
    await road.stop();
    const [[reason, whose, raw, details] = []] = await rowsOf(
      road.directory,
      'SELECT reason, organization, raw, details FROM dead_letters',
    );
    expect([reason, whose]).toEqual(['wrong_organization', '5f0000000000000000000002']);
    expect(String(raw)).toContain('[redacted]');
    expect(String(raw)).not.toContain('jca_0123456789');
    expect(String(details)).not.toContain(road.secret);
    expect(await rowsOf(road.directory, 'SELECT * FROM detection_finding')).toEqual([]);
  });

  it('W12: takes two secrets while one is replaced, and then the new one alone', async () => {
    const env = { WEBHOOK_SECRET: 'the-new-secret-of-it', WEBHOOK_PREVIOUS_SECRET: 'the-old-secret-of-it' };
    const road = await openRoad({ env });
    const status = async (secret: string) => (await road.post('{}', { authorization: secret })).status;
    expect(await status('the-new-secret-of-it')).toBe(200);
    expect(await status('the-old-secret-of-it')).toBe(200);
    const after = await openRoad({ env: { WEBHOOK_SECRET: 'the-new-secret-of-it' } });
    expect((await after.post('{}', { authorization: 'the-old-secret-of-it' })).status).toBe(401);
  });

  it('lets in every request that comes while the file of its secrets is looked at', async () => {
    const road = await openRoad();
    const answers = await Promise.all(Array.from({ length: 20 }, () => road.post('{}')));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(road.log()).not.toContain('CREDENTIAL_MISSING');
  });

  it('takes a new secret at once although the clock has stepped back since the last look', async () => {
    const directory = await ownDirectory();
    let now = Date.now();
    const store = new SecretStore(directory, [], () => now);
    await store.make(0);
    await store.known();
    now -= 3_600_000;
    const { secret } = await new SecretStore(directory, [], () => now).make(0);
    expect((await store.known()).accepted).toContain(digestOf(secret));
  });

  it('delivers each notice once from a sender that repeats, reorders and retries', async () => {
    const road = await openRoad();
    const alerts = alertsOf(7);
    for (let index = 0; index < 60; index += 1) {
      alerts.raise();
      if (index % 3 === 0) alerts.occur(alerts.alerts.at(-1)!);
      if (index % 5 === 0) alerts.setStatus(alerts.alerts.at(-1)!, 'ALERT_STATUS_RESOLVED');
    }
    const headers = { authorization: road.secret };
    const sent = await sendNotices(alerts.notices, { url: road.url, headers, duplicates: 0.3, reorder: 9 });
    expect(sent.length).toBeGreaterThan(alerts.notices.length);
    expect(sent.every(({ acknowledged }) => acknowledged)).toBe(true);
    await road.stop();
    const uids = (await findingsOf(road.directory)).map(([uid]) => uid);
    expect([...uids].sort()).toEqual(alerts.notices.map(uidOf).sort());
  });

  it('W13: answers every request that is open when it stops, and delivers exactly what it acknowledged', async () => {
    const road = await openRoad();
    const alerts = alertsOf(8);
    for (let index = 0; index < 50; index += 1) alerts.raise();
    const headers = { authorization: road.secret };
    const sending = sendNotices(alerts.notices, { url: road.url, headers, concurrency: 50, retries: 0 });
    await road.stop();
    const sent = await sending;
    const acknowledged = sent.filter((one) => one.acknowledged).map(({ notice }) => uidOf(notice));
    const uids = (await findingsOf(road.directory)).map(([uid]) => uid);
    expect([...uids].sort()).toEqual(acknowledged.sort());
  });

  it('W10: of a flood it answers 200 or 503, and delivers all that it acknowledged, each once', async () => {
    const road = await openRoad();
    const alerts = alertsOf(10);
    for (let index = 0; index < 1_000; index += 1) alerts.raise();
    const headers = { authorization: road.secret };
    const sent = await sendNotices(alerts.notices, { url: road.url, headers, concurrency: 200, retries: 0 });
    await road.stop();
    const answers = new Set(sent.flatMap(({ statuses }) => statuses));
    expect([...answers].sort()).toEqual([200, 503]);
    const acknowledged = sent.filter((one) => one.acknowledged).map(({ notice }) => uidOf(notice));
    expect(acknowledged.length).toBeGreaterThan(100);
    const uids = (await findingsOf(road.directory)).map(([uid]) => uid);
    expect([...uids].sort()).toEqual(acknowledged.sort());
  });

  it('W4: spools while the sink does not work, answers 200, and delivers once it works again', async () => {
    const directory = await ownDirectory();
    const broken = await openRoad({
      directory,
      sink: () => brokenSink,
    });
    const notice = alertsOf(9).raise();
    const body = JSON.stringify(envelopeOf(notice));
    expect((await broken.post(body)).status).toBe(200);
    expect((await broken.post(body)).status).toBe(200);
    await broken.stop();
    const road = await openRoad({ directory });
    await road.stop();
    expect((await findingsOf(directory)).map(([uid]) => uid)).toEqual([uidOf(notice)]);
  });

  it('reads the list of alerts although webhooks come faster than they are delivered', async () => {
    const directory = await ownDirectory();
    const alerts = alertsOf(12);
    const waiting = await openRoad({ directory, sink: () => brokenSink });
    await waiting.post(JSON.stringify(envelopeOf(alerts.raise())));
    await waiting.stop();
    let posted = 0;
    let listedAfter: number | undefined;
    let opened: (road: Road) => void = () => undefined;
    const ready = new Promise<Road>((resolve) => {
      opened = resolve;
    });
    const road = await openRoad({
      directory,
      sink: ({ name, tables }) => {
        const sink = createTablesSink({ directory: tables.directory, feed: name });
        const lane = (of: string) => {
          const own = sink.lane(of);
          const commit = async (batch: Batch) => {
            if (batch.events.length > 0 && listedAfter === undefined && posted++ < 20)
              await (await ready).post(JSON.stringify(envelopeOf(alerts.raise())));
            return own.commit(batch);
          };
          return { open: () => own.open(), commit, close: () => own.close() };
        };
        return { kind: 'tables', lane, peek: (of: string) => sink.peek(of), close: () => sink.close() } as never;
      },
      ask: async () => {
        listedAfter ??= posted;
        return { value: { alerts: [], count: 0 } } as never;
      },
    });
    opened(road);
    while (listedAfter === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    await road.stop();
    expect(listedAfter).toBe(1);
    expect(new Set((await findingsOf(directory)).map(([uid]) => uid))).toEqual(new Set(alerts.notices.map(uidOf)));
  });

  it('takes bodies while another instance holds the lane, and delivers them once it is free', async () => {
    let tries = 0;
    const road = await openRoad({
      sink: ({ name, tables }) => {
        const sink = createTablesSink({ directory: tables.directory, feed: name });
        const held = new CollectorError('LANE_IN_USE', 'Another instance holds it.', { cure: 'Wait.' });
        const lane = (of: string) => {
          const own = sink.lane(of);
          const open = () => (++tries === 1 ? Promise.reject(held) : own.open());
          return { open, commit: (batch: Batch) => own.commit(batch), close: () => own.close() };
        };
        return { kind: 'tables', lane, peek: (of: string) => sink.peek(of), close: () => sink.close() } as never;
      },
    });
    const notice = alertsOf(11).raise();
    expect((await road.post(JSON.stringify(envelopeOf(notice)))).status).toBe(200);
    while (tries < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await road.stop();
    expect((await findingsOf(road.directory)).map(([uid]) => uid)).toEqual([uidOf(notice)]);
  });

  it('answers 503 and not 401 while no secret was made, and while its feed does not run', async () => {
    const road = await openRoad();
    await road.stop();
    const log = { ...console, recovered: () => undefined, failing: () => undefined, info: () => undefined } as never;
    const listener = await startWebhooks({
      ...{ host: '127.0.0.1', port: 0, cert: undefined, key: undefined, log },
      receiver: () => road.feed.receiver,
    });
    const answer = await fetch(`http://127.0.0.1:${listener.port}/webhook/jumpcloud/acme`, {
      method: 'POST',
      body: JSON.stringify(envelopeOf(alertsOf(1).raise())),
      headers: { authorization: road.secret },
    });
    await listener.close();
    expect(answer.status).toBe(503);
  });
});
