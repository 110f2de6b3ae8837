import { describe, expect, it } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import { createMetrics, type FeedMetricsOptions } from '../../collector/monitoring/metrics.js';
import { comparedCursor, cursorAt, deadLetterOf, eventOf, passOver, report } from './observe-feed.js';
import { parseMetrics, seriesValue } from './prometheus.js';

const live = { feed: 'acme', lane: 'live' };
const search = { services: ['sso'], start: 0 };
const refused = new CollectorError('CREDENTIAL_REFUSED', 'JumpCloud refuses the key', { cure: 'Replace it.' });

function feed(options: Partial<FeedMetricsOptions> = {}) {
  const clock = { now: Date.parse('2026-11-21T00:00:00Z') };
  const metrics = createMetrics({ version: '1.2.3' });
  const acme = metrics.feed({ feed: 'acme', sink: 'tables', now: () => clock.now, ...options });
  const value = async (name: string, labels: Record<string, string> = live) =>
    seriesValue(await metrics.text(), `jumpcloud_ocsf_${name}`, labels);
  return { clock, metrics, acme, value };
}

describe('the metrics', () => {
  it('are text that a Prometheus parser accepts, prefixed, with units in their names and help', async () => {
    const { metrics, acme } = feed();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-21T00:00:00Z'), resumed: false });
    acme.observer({
      type: 'committed',
      lane: 'live',
      ...report({ counts: { records: 1 }, lateness: [5], events: [eventOf(3002)] }),
    });
    acme.client.onRequest?.({
      purpose: 'api',
      path: '/events',
      status: 200,
      code: undefined,
      ms: 3,
      bytes: 9,
      requestId: undefined,
    });
    for (let scrape = 0; scrape < 2; scrape++) {
      const families = parseMetrics(await metrics.text());
      expect(families.size).toBeGreaterThan(30);
      for (const { name, type, help } of families.values()) {
        expect(name).toMatch(/^jumpcloud_ocsf_[a-z_]+$/);
        expect(help.length).toBeGreaterThan(3);
        if (type === 'counter') expect(name).toMatch(/_total$/);
        else expect(name).not.toMatch(/_total$/);
        expect(name).not.toMatch(/_(?:ms|milliseconds|minutes|kb)$/);
      }
    }
    expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(seriesValue(await metrics.text(), 'jumpcloud_ocsf_process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });

  it('say nothing more of the backlog of a question that is no longer watched once the feed is opened again', async () => {
    const { metrics, acme, value } = feed();
    const answer = { type: 'questionAnswered', lane: 'live', rows: 0, found: 0, durationMs: 1, left: 7 } as const;
    for (const question of ['lockouts', 'dormant-accounts']) acme.observer({ ...answer, question });
    const backlog = (question: string) => value('question_backlog_moments', { feed: 'acme', question });
    expect([await backlog('lockouts'), await backlog('dormant-accounts')]).toEqual([7, 7]);
    const again = metrics.feed({ feed: 'acme', sink: 'tables', now: () => 0 });
    await new Promise((resolve) => setImmediate(resolve));
    again.observer({ ...answer, question: 'lockouts', left: 6 });
    expect([await backlog('lockouts'), await backlog('dormant-accounts')]).toEqual([6, undefined]);
  });

  it('say how the sink keeps in order what it holds, as it is at each scrape', async () => {
    let unlogged = 3;
    const { value } = feed({ upkeep: () => ({ unlogged, backlog: 5, repairs: 1, failures: 2 }) });
    expect(await value('tables_unlogged_files', { feed: 'acme' })).toBe(3);
    unlogged = 0;
    expect(await value('tables_unlogged_files', { feed: 'acme' })).toBe(0);
    expect(await value('tables_merge_backlog_files', { feed: 'acme' })).toBe(5);
    expect(await value('tables_repairs', { feed: 'acme' })).toBe(1);
    expect(await value('tables_maintenance_failures', { feed: 'acme' })).toBe(2);
  });

  it('name the build', async () => {
    const { value } = feed();
    expect(await value('build_info', { version: '1.2.3', ocsf_version: '1.8.0', node_version: process.version })).toBe(
      1,
    );
  });

  it('account for every record of a commit', async () => {
    const { acme, metrics, value } = feed();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-21T00:00:00Z'), resumed: false });
    acme.observer({
      type: 'committed',
      lane: 'live',
      ...report({
        counts: { records: 20, events: 7, deadLetters: 2, duplicates: 5, notSelected: 4, raw: 2, late: 2 },
        events: [...Array.from({ length: 5 }, () => eventOf(3002)), eventOf(3001), eventOf(0, 'brand_new')],
        deadLetters: [deadLetterOf('id_missing'), deadLetterOf('too_large')],
        lateness: [30, 4000],
        unknownTypes: ['sso/brand_new'],
        durationMs: 1500,
      }),
    });
    expect(await value('records_received_total')).toBe(20);
    const discarded = parseMetrics(await metrics.text()).get('jumpcloud_ocsf_events_discarded_total')!;
    expect(discarded.samples.map(({ labels, value: dropped }) => [labels.reason, labels.intentional, dropped])).toEqual(
      [
        ['duplicate', 'true', 5],
        ['not_selected', 'true', 4],
        ['class_not_selected', 'true', 2],
        ['dead_letter', 'false', 2],
      ],
    );
    const published = parseMetrics(await metrics.text()).get('jumpcloud_ocsf_events_published_total')!;
    expect(published.samples).toMatchObject([
      { labels: { class_uid: '3002', class_name: 'authentication', sink: 'tables', ...live }, value: 5 },
      { labels: { class_uid: '3001', class_name: 'account_change' }, value: 1 },
      { labels: { class_uid: '0', class_name: 'base_event' }, value: 1 },
    ]);
    expect(await value('events_duplicate_total')).toBe(5);
    expect(await value('events_late_total')).toBe(2);
    expect(await value('event_lateness_seconds_bucket', { ...live, le: '60' })).toBe(1);
    expect(await value('event_lateness_seconds_sum')).toBe(4030);
    expect(await value('events_unmapped_total', { ...live, event_type: 'sso/brand_new' })).toBe(1);
    expect(await value('dead_letters_total', { ...live, reason: 'too_large' })).toBe(1);
    expect(await value('commit_duration_seconds_sum', { ...live, sink: 'tables' })).toBe(1.5);
    expect(await value('state_writes_total')).toBe(1);
    expect(await value('cursor_timestamp_seconds')).toBe(Date.parse('2026-11-21T00:00:00Z') / 1000);
  });

  it('are zero rather than absent where an alert watches their rise', async () => {
    const { acme, value } = feed();
    acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-21T00:00:00Z'), resumed: false });
    for (const name of ['records_received_total', 'events_late_total', 'events_duplicate_total', 'state_writes_total'])
      expect(await value(name)).toBe(0);
    expect(await value('events_discarded_total', { ...live, reason: 'dead_letter' })).toBe(0);
    expect(await value('dead_letters_total', { ...live, reason: 'schema_violation' })).toBe(0);
    expect(await value('rate_limited_seconds_total', { feed: 'acme' })).toBe(0);
    expect(await value('feed_ready', { feed: 'acme' })).toBe(0);
  });

  it('tell feeds and lanes apart', async () => {
    const { metrics, acme, value } = feed();
    const globex = metrics.feed({ feed: 'globex', sink: 'kafka', now: Date.now });
    for (const [observer, lane, records] of [
      [acme.observer, 'live', 1],
      [acme.observer, 'backfill/a_b', 2],
      [globex.observer, 'live', 4],
    ] as const)
      observer({ type: 'committed', lane, ...report({ counts: { records } }) });
    expect(await value('records_received_total', live)).toBe(1);
    expect(await value('records_received_total', { feed: 'acme', lane: 'backfill/a_b' })).toBe(2);
    expect(await value('records_received_total', { feed: 'globex', lane: 'live' })).toBe(4);
  });

  it('R-26: hold a bounded number of series however many unknown event types strangers send', async () => {
    const { metrics, acme, value } = feed();
    for (let index = 0; index < 300; index++) {
      const type = index === 0 ? `evil"\\\n${'x'.repeat(500)}` : `type_${index}`;
      acme.observer({
        type: 'committed',
        lane: 'live',
        ...report({ events: [eventOf(0, type)], unknownTypes: [`sso/${type}`] }),
      });
    }
    const unmapped = parseMetrics(await metrics.text()).get('jumpcloud_ocsf_events_unmapped_total')!;
    expect(unmapped.samples).toHaveLength(101);
    expect(await value('events_unmapped_total', { ...live, event_type: 'other' })).toBe(200);
    expect(unmapped.samples[0]!.labels.event_type).toMatch(/^sso\/evil"\\\nx+$/);
    expect(unmapped.samples[0]!.labels.event_type!.length).toBe(100);
  });
});

describe('R-16: the lag', () => {
  const opened = (of: ReturnType<typeof feed>) =>
    of.acme.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-01T00:00:00Z'), resumed: true });

  it('is absent before the first delivery', async () => {
    const of = feed();
    expect(await of.value('lag_seconds')).toBeUndefined();
    opened(of);
    of.acme.observer({ type: 'searching', lane: 'live', search });
    of.acme.observer({ type: 'failed', lane: 'live', part: 'source', error: refused, retryMs: 1000 });
    expect(await of.value('lag_seconds')).toBeUndefined();
  });

  it('of a feed that is idle for an hour never exceeds the age of its last poll', async () => {
    const of = feed();
    opened(of);
    for (let minute = 0; minute < 60; minute++) {
      of.acme.observer({ type: 'searching', lane: 'live', search });
      of.clock.now += 2_000;
      of.acme.observer({ type: 'committed', lane: 'live', ...report({ cursor: cursorAt('2026-11-01T00:00:00Z') }) });
      of.acme.observer({ type: 'searched', lane: 'live', search, pages: 1, records: 0, durationMs: 2_000 });
      of.acme.observer({ type: 'caughtUp', lane: 'live', nextPollMs: 58_000 });
      expect(await of.value('lag_seconds')).toBe(2);
      of.clock.now += 58_000;
      expect(await of.value('lag_seconds')).toBe(60);
    }
  });

  it('shows the way that is left while catching up, and grows while polls fail', async () => {
    const of = feed();
    opened(of);
    const slice = { ...search, end: 1 };
    of.acme.observer({ type: 'searching', lane: 'live', search: slice });
    of.acme.observer({ type: 'committed', lane: 'live', ...report({ cursor: cursorAt('2026-11-20T22:00:00Z') }) });
    expect(await of.value('lag_seconds')).toBe(7200);
    of.acme.observer({ type: 'searching', lane: 'live', search });
    of.acme.observer({ type: 'caughtUp', lane: 'live', nextPollMs: 60_000 });
    expect(await of.value('lag_seconds')).toBe(0);
    for (let minute = 1; minute <= 10; minute++) {
      of.clock.now += 60_000;
      of.acme.observer({ type: 'searching', lane: 'live', search });
      of.acme.observer({ type: 'failed', lane: 'live', part: 'source', error: refused, retryMs: 60_000 });
      expect(await of.value('lag_seconds')).toBe(minute * 60);
    }
  });

  it('does not count a backfill, whose distance to the present says nothing', async () => {
    const of = feed();
    of.acme.observer({
      type: 'opened',
      lane: 'backfill/a_b',
      cursor: cursorAt('2026-01-01T00:00:00Z'),
      resumed: false,
    });
    of.acme.observer({
      type: 'committed',
      lane: 'backfill/a_b',
      ...report({ cursor: cursorAt('2026-01-01T00:00:00Z') }),
    });
    expect(await of.value('lag_seconds', {})).toBeUndefined();
  });
});

describe('what JumpCloud says', () => {
  it('is counted by status, or by error code where no answer came', async () => {
    const { acme, value } = feed();
    const request = { purpose: 'api', path: '/events', ms: 5, bytes: 100, requestId: undefined } as const;
    acme.client.onRequest?.({ ...request, status: 200, code: undefined });
    acme.client.onRequest?.({ ...request, status: 429, code: 'RATE_LIMITED' });
    acme.client.onRequest?.({ ...request, status: undefined, code: 'UNREACHABLE' });
    acme.client.onRetry?.({
      purpose: 'api',
      code: 'RATE_LIMITED',
      detail: '429',
      waitMs: 2500,
      attempt: 1,
      attempts: 5,
      asked: true,
    });
    acme.client.onRetry?.({
      purpose: 'api',
      code: 'UNREACHABLE',
      detail: undefined,
      waitMs: 9000,
      attempt: 1,
      attempts: 5,
      asked: false,
    });
    for (const code of ['200', '429', 'UNREACHABLE'])
      expect(await value('http_requests_total', { feed: 'acme', purpose: 'api', code })).toBe(1);
    expect(await value('http_received_bytes_total', { feed: 'acme' })).toBe(300);
    expect(await value('rate_limited_seconds_total', { feed: 'acme' })).toBe(2.5);
    expect(await value('http_retries_total', { feed: 'acme', code: 'UNREACHABLE' })).toBe(1);
  });

  it('about the key shows until the key works again', async () => {
    let expires: number | undefined = Date.parse('2026-12-04T00:00:00Z');
    const { acme, value } = feed({ keyExpires: () => expires, skewMs: () => -2500 });
    const request = { purpose: 'api', path: '/events', ms: 5, bytes: 100, requestId: undefined } as const;
    expect(await value('api_key_expiry_timestamp_seconds', { feed: 'acme' })).toBe(expires / 1000);
    expect(await value('clock_skew_seconds', { feed: 'acme' })).toBe(-2.5);
    acme.client.onKeyRefused?.({ fingerprint: 'f', lastFour: 'abcd', where: 'w' });
    expect(await value('api_key_refused', { feed: 'acme' })).toBe(1);
    acme.client.onRequest?.({ ...request, status: 401, code: 'CREDENTIAL_REFUSED' });
    expect(await value('api_key_refused', { feed: 'acme' })).toBe(1);
    acme.client.onRequest?.({ ...request, status: 200, code: undefined });
    expect(await value('api_key_refused', { feed: 'acme' })).toBe(0);
    expires = undefined;
    expect(await value('api_key_expiry_timestamp_seconds', { feed: 'acme' })).toBeUndefined();
  });

  it('R-13: failures are counted by part and code, refused services by number', async () => {
    const { acme, value } = feed();
    acme.observer({ type: 'failed', lane: 'live', part: 'source', error: refused, retryMs: 1000 });
    acme.observer({
      type: 'refused',
      lane: 'live',
      services: ['pam'],
      error: refused,
      retryAt: '2026-11-22T00:00:00Z',
    });
    const behind = {
      pam: {
        settled: '2026-11-20T00:00:00Z',
        rememberedFrom: '2026-11-20T00:00:00Z',
        active: false,
        refused: { code: 'NOT_LICENSED', message: 'm', since: '2026-11-21T00:00:00Z', retryAt: '2026-11-22T00:00:00Z' },
      },
    };
    acme.observer({
      type: 'committed',
      lane: 'live',
      ...report({ cursor: cursorAt('2026-11-21T00:00:00Z', { behind }) }),
    });
    expect(await value('failures_total', { ...live, part: 'source', code: 'CREDENTIAL_REFUSED' })).toBe(1);
    expect(await value('failures_total', { ...live, part: 'service' })).toBe(1);
    expect(await value('services_refused')).toBe(1);
  });

  it('counts is set against what was delivered: differences of all hours, figures of the last', async () => {
    const { acme, value } = feed();
    expect(await value('reconcile_hour_timestamp_seconds', { feed: 'acme' })).toBeUndefined();
    acme.observer({
      type: 'opened',
      lane: 'live',
      cursor: comparedCursor({ sso: [5, 3, 1], directory: [null, 2, 0], radius: [1, 2, 0] }),
      resumed: true,
    });
    const of = (service: string, kind?: string) => ({ feed: 'acme', service, ...(kind && { kind }) });
    expect(await value('reconcile_hour_timestamp_seconds', { feed: 'acme' })).toBe(
      Date.parse('2026-11-20T22:00:00Z') / 1000,
    );
    expect(await value('reconcile_difference_records', of('sso'))).toBe(1);
    expect(await value('reconcile_difference_records', of('directory'))).toBeUndefined();
    expect(await value('reconcile_difference_records', of('radius'))).toBe(0);
    expect(await value('reconcile_hour_records', of('sso', 'jumpcloud'))).toBe(5);
    expect(await value('reconcile_hour_records', of('sso', 'dead_letters'))).toBe(1);
    expect(await value('reconcile_hour_records', of('directory', 'delivered'))).toBe(2);
    expect(await value('reconcile_hour_records', of('directory', 'jumpcloud'))).toBeUndefined();
    expect(await value('reconcile_hour_records', of('radius', 'difference'))).toBe(-1);
    acme.observer({ type: 'reconciled', lane: 'live', report: passOver(comparedCursor({ sso: [5, 4, 1] })) });
    expect(await value('reconcile_difference_records', of('sso'))).toBe(0);
    expect(await value('reconcile_difference_records', of('radius'))).toBeUndefined();
    expect(await value('reconcile_hour_records', of('directory', 'delivered'))).toBeUndefined();
  });

  it('and what the feed says of itself is shown', async () => {
    const { acme, metrics, value } = feed();
    acme.ready(true);
    acme.noData(true);
    metrics.ready(true);
    expect(await value('feed_ready', { feed: 'acme' })).toBe(1);
    expect(await value('no_data', { feed: 'acme' })).toBe(1);
    expect(await value('ready', {})).toBe(1);
  });
});
