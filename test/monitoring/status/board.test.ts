import { describe, expect, it } from 'vitest';
import { CollectorError } from '../../../collector/errors.js';
import { StatusBoard } from '../../../collector/monitoring/status/board.js';
import type { FeedStatusOptions } from '../../../collector/monitoring/status/feed-status.js';
import { Rate } from '../../../collector/monitoring/status/rolling-rate.js';
import {
  comparedCursor,
  configOf,
  cursorAt,
  deadLetterOf,
  eventOf,
  passOver,
  report,
  tablesAt,
} from '../observe-feed.js';

const search = { services: ['sso'], start: 0 };
const minute = 60_000;
const refused = new CollectorError('CREDENTIAL_REFUSED', 'JumpCloud refuses the key', { cure: 'Replace the key.' });
const away = new CollectorError('SINK_UNAVAILABLE', 'no broker answers', { cure: 'Start Kafka.', transient: true });

function board(options: Partial<FeedStatusOptions> = {}, env: Record<string, string> = {}) {
  const clock = { now: Date.parse('2026-11-21T00:00:00Z') };
  const status = new StatusBoard('1.2.3', () => clock.now);
  const told: string[] = [];
  const acme = status.feed({
    config: configOf(env),
    sink: tablesAt,
    now: () => clock.now,
    onReady: (ready) => told.push(ready ? 'ready' : 'not ready'),
    onNoData: (silent) => told.push(silent ? 'silent' : 'heard'),
    ...options,
  });
  const poll = (records = 0) => {
    acme.observer({ type: 'searching', lane: 'live', search });
    acme.observer({
      type: 'committed',
      lane: 'live',
      ...report({ cursor: cursorAt('2026-11-20T23:30:00Z'), counts: { records, events: records } }),
    });
    acme.observer({ type: 'searched', lane: 'live', search, pages: 1, records, durationMs: 5 });
    acme.observer({ type: 'caughtUp', lane: 'live', nextPollMs: minute });
  };
  const lane = () => status.view().feeds[0]!.lanes[0]!;
  return { clock, status, acme, told, poll, lane };
}

describe('readiness', () => {
  it('begins with the first good poll and commit, and names what is missing until then', () => {
    const { status, acme, told } = board();
    expect(status.readiness()).toMatchObject({ ready: false, reasons: [{ feed: 'acme', part: 'start' }] });
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: false });
    acme.observer({ type: 'searching', lane: 'live', search });
    expect(status.readiness()).toMatchObject({
      reasons: [{ part: 'start', message: 'first run, from 2026-11-20T00:00:00Z' }],
    });
    acme.observer({ type: 'committed', lane: 'live', ...report({}) });
    expect(status.readiness().ready).toBe(false);
    acme.observer({ type: 'searched', lane: 'live', search, pages: 1, records: 0, durationMs: 5 });
    expect(status.readiness()).toEqual({ ready: true, reasons: [] });
    expect(told).toEqual(['ready']);
  });

  it('ends while JumpCloud cannot be read, with code, since and cure, and comes back by itself', () => {
    const { status, acme, told, poll, clock } = board();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    poll();
    clock.now += minute;
    acme.observer({ type: 'failed', lane: 'live', part: 'source', error: refused, retryMs: minute });
    clock.now += minute;
    acme.observer({ type: 'failed', lane: 'live', part: 'source', error: refused, retryMs: minute });
    expect(status.readiness()).toEqual({
      ready: false,
      reasons: [
        {
          feed: 'acme',
          lane: 'live',
          part: 'collection',
          message: 'CREDENTIAL_REFUSED: JumpCloud refuses the key',
          since: '2026-11-21T00:01:00.000Z',
          code: 'CREDENTIAL_REFUSED',
          cure: 'Replace the key.',
        },
      ],
    });
    poll();
    expect(status.readiness().ready).toBe(true);
    expect(told).toEqual(['ready', 'not ready', 'ready']);
    expect(status.view().feeds[0]!.errors).toMatchObject([
      { code: 'CREDENTIAL_REFUSED', times: 2, cure: 'Replace the key.' },
    ]);
  });

  it('ends while the sink does not take what was read, also while the lane is opened again', () => {
    const { status, acme, poll, lane } = board();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    poll();
    acme.observer({ type: 'failed', lane: 'live', part: 'sink', error: away, retryMs: 1000 });
    acme.observer({ type: 'closed', lane: 'live' });
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    expect(status.readiness()).toMatchObject({ reasons: [{ part: 'delivery', cure: 'Start Kafka.' }] });
    expect(lane().state).toBe('blocked');
    poll();
    expect(status.readiness().ready).toBe(true);
  });

  it('ends when a lane gives up, and when the process stops', () => {
    const { status, acme, poll, lane } = board();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    poll();
    status.stopping();
    expect(status.readiness()).toEqual({
      ready: false,
      reasons: [{ part: 'process', message: 'the collector is stopping' }],
    });
    acme.observer({ type: 'failed', lane: 'live', part: 'source', error: refused, retryMs: undefined });
    acme.observer({ type: 'closed', lane: 'live' });
    expect(lane()).toMatchObject({
      state: 'stopped',
      reason: 'CREDENTIAL_REFUSED: JumpCloud refuses the key',
      nextPoll: null,
    });
  });

  it('ends when a lane shows no sign of life, but not while it waits for its next poll', () => {
    const { status, acme, poll, clock } = board();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    poll();
    acme.observer({ type: 'caughtUp', lane: 'live', nextPollMs: 60 * minute });
    clock.now += 61 * minute;
    expect(status.readiness().ready).toBe(true);
    acme.observer({ type: 'searching', lane: 'live', search });
    clock.now += 16 * minute;
    expect(status.readiness()).toMatchObject({
      reasons: [{ part: 'stall', message: 'no sign of life for 16 minutes' }],
    });
    acme.observer({ type: 'page', lane: 'live', records: 1, bytes: 1, serverTime: 0, requestId: undefined });
    expect(status.readiness().ready).toBe(true);
  });

  it('ends when a damaged position was stepped back, until what it passed over is compared', () => {
    const { status, acme, poll } = board();
    const damage = { from: '2026-11-24T00:00:00Z', to: '2026-11-20T00:00:00Z', since: '2026-11-20T00:30:00.000Z' };
    acme.observer({
      type: 'opened',
      lane: 'live',
      cursor: cursorAt(damage.to, { memory: { steppedBack: damage } }),
      resumed: true,
    });
    poll();
    acme.observer({
      type: 'committed',
      lane: 'live',
      ...report({ cursor: cursorAt(damage.to, { memory: { steppedBack: damage } }) }),
    });
    expect(status.readiness()).toMatchObject({
      ready: false,
      reasons: [{ part: 'position', message: expect.stringContaining(damage.from), since: damage.since }],
    });
    acme.observer({ type: 'committed', lane: 'live', ...report({ cursor: cursorAt(damage.to, { memory: {} }) }) });
    expect(status.readiness().ready).toBe(true);
  });

  it('R-17: names the feed that fails and does not blame the others', () => {
    const { status, acme, poll } = board();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    poll();
    const globex = status.feed({ config: configOf({ FEED_NAME: 'globex' }), sink: tablesAt, now: Date.now });
    globex.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    globex.observer({ type: 'failed', lane: 'live', part: 'source', error: refused, retryMs: minute });
    expect(status.readiness().reasons).toMatchObject([{ feed: 'globex' }]);
    expect(status.view().feeds.map((feed) => [feed.name, feed.ready])).toEqual([
      ['acme', true],
      ['globex', false],
    ]);
    status.forget('globex');
    expect(status.readiness().ready).toBe(true);
  });

  it('is not lost to a backfill that fails, which is shown', () => {
    const { status, acme, poll } = board();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    poll();
    acme.observer({ type: 'opened', lane: 'backfill/a_b', cursor: cursorAt('2026-01-01T00:00:00Z'), resumed: false });
    acme.observer({ type: 'failed', lane: 'backfill/a_b', part: 'source', error: refused, retryMs: minute });
    expect(status.readiness().ready).toBe(true);
    expect(status.view().feeds[0]!.lanes.map((lane) => [lane.name, lane.state])).toEqual([
      ['live', 'collecting'],
      ['backfill/a_b', 'failing'],
    ]);
  });
});

describe('the status', () => {
  it('shows of a lane its position and pace, and what came late, twice, unknown or broken', () => {
    const { status, acme, clock, lane } = board();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    acme.observer({
      type: 'searching',
      lane: 'live',
      search: { ...search, end: Date.parse('2026-11-20T06:00:00Z') / 1000 },
    });
    const behind = {
      pam: {
        settled: '2026-11-20T00:00:00Z',
        rememberedFrom: '2026-11-20T00:00:00Z',
        active: false,
        refused: {
          code: 'NOT_LICENSED',
          message: 'm',
          since: '2026-11-20T00:00:00.000Z',
          retryAt: '2026-11-21T00:00:00.000Z',
        },
      },
    };
    const total = { records: 100, events: 50, deadLetters: 6, duplicates: 30, notSelected: 14, raw: 0, late: 7 };
    const counts = { records: 10, events: 4, deadLetters: 6, late: 6 };
    acme.observer({
      type: 'committed',
      lane: 'live',
      ...report({
        cursor: cursorAt('2026-11-20T06:00:00Z', { behind, counts: total }),
        counts,
        events: [eventOf(0, 'brand_new'), eventOf(0, 'brand_new'), eventOf(3002), eventOf(3002)],
        unknownTypes: ['sso/brand_new'],
        deadLetters: Array.from({ length: 6 }, (_, index) => deadLetterOf('id_missing', String(index).repeat(32))),
        lateness: [1, 2, 3, 4, 5, 6],
      }),
    });
    acme.observer({
      type: 'searched',
      lane: 'live',
      search: { ...search, end: Date.parse('2026-11-20T06:00:00Z') / 1000 },
      pages: 1,
      records: 10,
      durationMs: 5,
    });
    expect(lane()).toMatchObject({
      state: 'catching_up',
      reason: 'read up to 2026-11-20T06:00:00.000Z',
      since: '2026-11-21T00:00:00.000Z',
      lagSeconds: 18 * 3600,
      position: { settled: '2026-11-20T06:00:00Z' },
      counts: { total, sinceStart: { ...counts, duplicates: 0 } },
      rates: { records5m: 10, records24h: 10, events5m: 4, events24h: 4 },
      unmapped: [{ type: 'sso/brand_new', events: 2 }],
      refusedServices: [{ service: 'pam', code: 'NOT_LICENSED' }],
      deadLetters: { byReason: { id_missing: 6 } },
    });
    expect(lane().late.samples.map(({ seconds }) => seconds)).toEqual([2, 3, 4, 5, 6]);
    expect(lane().deadLetters.samples.map(({ uid }) => uid[0])).toEqual(['1', '2', '3', '4', '5']);
    expect(JSON.stringify(status.view())).not.toContain('private');
    clock.now += 10 * minute;
    expect(lane().rates).toEqual({ records5m: 0, records24h: 10, events5m: 0, events24h: 4 });
  });

  it('shows the source, sink, key, header and clock of a feed', () => {
    const life = {
      basis: 'declared',
      expiresAt: Date.parse('2026-12-04T00:00:00Z'),
      createdAt: undefined,
      certain: true,
    } as const;
    const key = () => ({
      kind: 'key' as const,
      fingerprint: 'f00d',
      lastFour: 'wxyz',
      life,
      daysLeft: 13,
      refused: false,
      declaredOfAnother: false,
      rotation: 'make another key',
    });
    const { status, acme } = board(
      { key, skewMs: () => 3500 },
      { CONTACT_EMAIL: 'soc@example.com', JUMPCLOUD_REGION: 'eu' },
    );
    acme.client.onHeaderUsed?.({ configured: 'bearer', used: 'x-api-key', fingerprint: 'f00d' });
    acme.client.onKeyRefused?.({ fingerprint: 'f00d', lastFour: 'wxyz', where: 'w' });
    const view = status.view();
    expect(view).toMatchObject({ version: 1, program: { name: 'jumpcloud-ocsf', version: '1.2.3', ocsf: '1.8.0' } });
    expect(view.feeds[0]).toMatchObject({
      name: 'acme',
      contact: { name: null, email: 'soc@example.com' },
      source: { region: 'eu', eventTypes: ['login', 'admin'] },
      sink: { kind: 'tables', guarantee: 'exactly_once' },
      authorization: { configured: 'bearer', used: 'x-api-key' },
      key: {
        lastFour: 'wxyz',
        expiresAt: '2026-12-04T00:00:00.000Z',
        daysLeft: 13,
        description: 'expires in 13 days, on 2026-12-04',
        refused: true,
      },
      clockSkewSeconds: 3.5,
      clocksApart: false,
    });
    acme.client.onRequest?.({
      purpose: 'api',
      path: '/',
      status: 200,
      code: undefined,
      ms: 1,
      bytes: 1,
      requestId: undefined,
    });
    expect(status.view().feeds[0]!.key?.refused).toBe(false);
  });

  it('keeps the last five failures, each once with how often it came', () => {
    const { status, acme } = board();
    for (const code of [
      'TIMED_OUT',
      'UNREACHABLE',
      'SERVER_ERROR',
      'RATE_LIMITED',
      'TLS_REFUSED',
      'RESPONSE_INVALID',
      'UNREACHABLE',
    ] as const)
      acme.observer({
        type: 'failed',
        lane: 'live',
        part: 'source',
        error: new CollectorError(code, 'm', { cure: 'c' }),
        retryMs: 1,
      });
    const { errors } = status.view().feeds[0]!;
    expect(errors.map(({ code, times }) => [code, times])).toEqual([
      ['SERVER_ERROR', 1],
      ['RATE_LIMITED', 1],
      ['TLS_REFUSED', 1],
      ['RESPONSE_INVALID', 1],
      ['UNREACHABLE', 2],
    ]);
  });

  it('holds the hours of the reconciliation: those stored with the position, then those of the last comparison', () => {
    const { status, acme } = board();
    const shown = (only?: string) =>
      status
        .view(only)
        .feeds[0]!.reconciliation.map(({ service, hour, jumpcloud, delivered, deadLetters, difference }) => [
          service,
          hour,
          jumpcloud,
          delivered,
          deadLetters,
          difference,
        ]);
    acme.observer({ type: 'opened', lane: 'backfill/a_b', cursor: comparedCursor({ sso: [5, 5, 0] }), resumed: true });
    expect(shown()).toEqual([]);
    acme.observer({
      type: 'opened',
      lane: 'live',
      cursor: comparedCursor({ sso: [5, 3, 1], directory: [null, 2, 0] }),
      resumed: true,
    });
    const hour = '2026-11-20T22:00:00Z';
    expect(shown()).toEqual([
      ['directory', hour, null, 2, 0, null],
      ['sso', hour, 5, 3, 1, 1],
    ]);
    acme.observer({ type: 'reconciled', lane: 'live', report: passOver(comparedCursor({ sso: [5, 4, 1] })) });
    expect(shown('acme')).toEqual([['sso', hour, 5, 4, 1, 0]]);
    // Of all feeds only what needs a look: three days of hours are most of what is known of a feed.
    expect(shown()).toEqual([]);
    expect(status.view('other').feeds).toEqual([]);
  });

  it('says when no new record came for longer than the threshold, and when one did', () => {
    const { status, acme, clock, told, poll } = board({}, { HEALTH_NO_DATA_AFTER: '1h' });
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    poll(1);
    for (let polls = 0; polls < 61; polls++) {
      clock.now += minute;
      poll();
    }
    expect(status.view().feeds[0]).toMatchObject({
      ready: true,
      noData: { since: '2026-11-21T00:00:00.000Z', thresholdSeconds: 3600 },
    });
    poll(1);
    expect(status.view().feeds[0]!.noData).toBeNull();
    expect(told).toEqual(['ready', 'silent', 'heard']);
  });

  it('never says so of a feed that may be silent', () => {
    const { status, acme, clock, poll } = board({}, { HEALTH_NO_DATA_AFTER: 'never' });
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-20T00:00:00Z'), resumed: true });
    clock.now += 1000 * 24 * 60 * minute;
    poll();
    expect(status.view().feeds[0]!.noData).toBeNull();
  });
});

describe('a rate', () => {
  it('counts the last minutes up to a day, and forgets what is older', () => {
    const rate = new Rate();
    for (let passed = 0; passed < 3 * 1440; passed++) rate.add(1, passed * minute);
    const now = (3 * 1440 - 1) * minute;
    expect([rate.over(5, now), rate.over(1440, now), rate.over(9999, now)]).toEqual([5, 1440, 1440]);
    expect(rate.over(1440, now + 1000 * minute)).toBe(440);
    expect(rate.over(1440, now + 5000 * minute)).toBe(0);
  });

  it('loses nothing when the clock steps back', () => {
    const rate = new Rate();
    rate.add(1, 100 * minute);
    rate.add(1, 90 * minute);
    expect(rate.over(5, 90 * minute)).toBe(2);
  });
});
