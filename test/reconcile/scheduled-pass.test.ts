import { describe, expect, it, vi } from 'vitest';
import type { ReconcileReport } from '../../collector/reconcile/observer.js';
import { formatSecond } from '../../mappings/instant.js';
import { compare, feedFor, HOUR, MINUTE, noon, tenantFor, usualReconcile } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const reconcile = usualReconcile;
/** A pass follows each poll: the shortest wait, nine tenths of this, is longer than between passes. */
const interval = 11.2 * MINUTE;
const equal = { missing: 0, repeated: 0, unknown: 0 };
const sum = (reports: readonly ReconcileReport[], what: 'asked' | 'reread' | 'found') =>
  reports.reduce((total, report) => total + report[what], 0);
/** Services with records in the whole hours that a pass has looked at. */
const servicesSince = ({ hours }: ReconcileReport, from: number) =>
  new Set(hours.filter(({ hour }) => Date.parse(hour) / 1000 > from - 3600).map(({ service }) => service)).size;

describe('five in a hundred records visible 1 s to 110 min late', () => {
  const story = {
    records: 1_000,
    from: noon - HOUR,
    to: noon + 3 * HOUR,
    trouble: { late: { share: 0.05, minDelay: 1_000, maxDelay: 110 * MINUTE } },
  };

  it('are lost in part by polls alone', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = new MemorySink();
    await feedFor(tenant, sink, time, { start: (now) => now - 3600, interval }).until(noon + 5 * HOUR + 30 * MINUTE);
    const found = await compare(tenant.ledger, sink.texts());
    expect(found.missing).toBeGreaterThan(20);
    expect(found).toMatchObject({ repeated: 0, unknown: 0 });
  });

  it.each([false, true])(
    'are all delivered once with reconciliation (end_time inclusive: %s)',
    async (endTimeInclusive) => {
      const time = virtualTime(noon);
      const tenant = await tenantFor(time, { ...story, quirks: { endTimeInclusive } });
      const sink = new MemorySink();
      const feed = feedFor(tenant, sink, time, { start: (now) => now - 3600, interval, reconcile });
      await feed.until(noon + 5 * HOUR + 30 * MINUTE);
      expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
      expect(sum(feed.told.reconciled, 'found')).toBeGreaterThan(20);
      expect(Math.max(...feed.told.lateness)).toBeGreaterThan(100 * 60);
      expect(feed.told.failures).toEqual([]);
    },
  );
});

it('what became visible late during a stop of hours is found by the first pass after it, not only by the daily one', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, {
    records: 1_000,
    from: noon - HOUR,
    to: noon + 9 * HOUR,
    trouble: { late: { share: 0.05, minDelay: 40 * MINUTE, maxDelay: 110 * MINUTE } },
  });
  const sink = new MemorySink();
  const changes = { start: (now: number) => now - 3600, interval, reconcile };
  await feedFor(tenant, sink, time, changes).until(noon + 2 * HOUR);
  time.pass(7 * HOUR);
  const after = feedFor(tenant, sink, time, changes);
  await after.until(noon + 11 * HOUR + 30 * MINUTE);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
  expect(sum(after.told.reconciled, 'found')).toBeGreaterThan(0);
});

describe('a quiet tenant', () => {
  it('is asked one count a pass, and once an hour one more a service; nothing is read again', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 1_000, from: noon - 2 * HOUR, to: noon + 3 * HOUR });
    const feed = feedFor(tenant, new MemorySink(), time, { start: (now) => now - 7200, interval, reconcile });
    await feed.until(noon + 3 * HOUR);
    expect(feed.told.reconciled.length).toBeGreaterThan(15);
    let compared: number | undefined;
    for (const report of feed.told.reconciled) {
      expect(report).toMatchObject({ reread: 0, found: 0, unknown: 0 });
      // A service has no count of its own but by asking: done only for an hour that has just become whole.
      const isNew = report.compared !== compared;
      expect(report.asked).toBe(isNew ? 1 + servicesSince(report, report.from) : 1);
      compared = report.compared;
    }
    expect(compared).toBe((noon + HOUR) / 1000);
  });

  it('is compared with its edges distinguished where end_time is inclusive', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 10,
      from: noon - 2 * HOUR,
      to: noon + HOUR,
      quirks: { endTimeInclusive: true },
    });
    for (let minute = -100; minute < 60; minute += 1) {
      const at = noon + minute * MINUTE;
      tenant.add(
        { id: `edge${minute}`, service: 'sso', event_type: 'sso_auth', timestamp: formatSecond(at / 1000) },
        { at, visibleAt: at },
      );
    }
    const feed = feedFor(tenant, new MemorySink(), time, { start: (now) => now - 7200, interval, reconcile });
    await feed.until(noon + 2 * HOUR);
    expect(sum(feed.told.reconciled, 'reread')).toBe(0);
    for (const report of feed.told.reconciled)
      expect(report.asked).toBeLessThanOrEqual(3 * (1 + servicesSince(report, report.from)));
  });
});

describe('a count that never agrees', () => {
  it('because it includes duplicates that are not shown is settled once, reported, and not read for ever', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 1_500,
      from: noon - 2 * HOUR,
      to: noon + 2 * HOUR,
      quirks: { countIncludesDuplicates: true },
      trouble: { repeated: { share: 0.04, shown: false } },
    });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start: (now) => now - 7200, interval, reconcile });
    await feed.until(noon + 3 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_500, ...equal });
    const passes = feed.told.reconciled;
    expect(passes.at(-1)).toMatchObject({ found: 0, unknown: 0 });
    expect(passes.at(-1)!.explained).toBeGreaterThan(0);
    // Every minute once at most, and some again where a range was read together.
    expect(sum(passes, 'reread')).toBeLessThan(2 * 5 * 60);
    // Once no new minutes come with a difference the passes are back to one count.
    await feed.until(noon + 6.5 * HOUR);
    expect(feed.told.reconciled.slice(-6).every(({ asked, reread }) => asked === 1 && reread === 0)).toBe(true);
  });

  it('because it lags behind the search is compared again until it has caught up', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 800,
      from: noon - 2 * HOUR,
      to: noon + HOUR,
      quirks: { countLag: 50 * MINUTE },
    });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start: (now) => now - 7200, interval, reconcile });
    await feed.until(noon + 5 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 800, ...equal });
    expect(feed.told.reconciled.at(-1)).toMatchObject({ found: 0, explained: 0, reread: 0 });
  });
});

it('a record that was counted before it could be found is delivered by the daily pass, also of a service without a count of its own', async () => {
  const time = virtualTime(noon);
  const [at, visibleAt] = [noon + 20 * MINUTE, noon + 5 * HOUR];
  const tenant = await tenantFor(time, { records: 40, from: noon - HOUR, to: noon + HOUR });
  const mystery = (id: string, when: number) => ({
    ...{ id, service: 'mystery', event_type: 'mystery_seen' },
    timestamp: formatSecond(when / 1000),
  });
  tenant.add(mystery('shown', at + MINUTE), { at: at + MINUTE, visibleAt: at + MINUTE });
  tenant.add(mystery('late', at), { at, visibleAt });
  const sink = new MemorySink();
  const often = { ...reconcile, longInterval: 4 * HOUR };
  const feed = feedFor(tenant, sink, time, { start: (now) => now - 3600, interval, reconcile: often });
  const { count } = feed.client;
  feed.client.count = async (search, signal) => {
    const counted = await count(search, signal);
    const isAhead = search.services.includes('all') && time.world() > at && time.world() < visibleAt;
    return isAhead && search.start * 1000 <= at && at < (search.end ?? 0) * 1000 ? counted + 1 : counted;
  };
  await feed.until(noon + 10 * HOUR);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 42, ...equal });
});

describe('what cannot be compared', () => {
  it('a tenant that refuses counts is read again instead, and says so', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 800,
      from: noon - HOUR,
      to: noon + 2 * HOUR,
      quirks: { countRefused: true },
      trouble: { late: { share: 0.05, minDelay: 40 * MINUTE, maxDelay: 110 * MINUTE } },
    });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start: (now) => now - 3600, interval, reconcile });
    await feed.until(noon + 5 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 800, ...equal });
    expect(feed.told.reconciled.at(-1)!.reason).toContain('gives no counts');
    expect(feed.told.failures).toEqual([]);
  });

  it('a sink that cannot tell what it holds is never given repeats, and the difference is unknown', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 800,
      from: noon - HOUR,
      to: noon + 2 * HOUR,
      trouble: { late: { share: 0.05, minDelay: 40 * MINUTE, maxDelay: 110 * MINUTE } },
    });
    const sink = new MemorySink(500, false);
    const feed = feedFor(tenant, sink, time, { start: (now) => now - 3600, interval, reconcile });
    await feed.until(noon + 3 * HOUR);
    expect((await compare(tenant.ledger, sink.texts())).repeated).toBe(0);
    expect(feed.told.reconciled.some(({ unknown, reason }) => unknown > 0 && reason !== undefined)).toBe(true);
  });

  it('a position that was moved ahead leaves a gap in the ledger, which is read', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 1_500, from: noon - 3 * HOUR, to: noon + 3 * HOUR });
    const sink = new MemorySink();
    const start = (now: number) => now - 3 * 3600;
    await feedFor(tenant, sink, time, { start, interval, reconcile }).once();
    time.pass(90 * MINUTE);
    sink.tamper('live', (cursor) => ({ ...cursor, settled: formatSecond(Math.floor(time.now() / 1000) - 600) }));
    const feed = feedFor(tenant, sink, time, { start, interval, reconcile });
    await feed.until(noon + 4 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_500, ...equal });
    expect(sum(feed.told.reconciled, 'found')).toBeGreaterThan(100);
  });
});

it('once a day three days are compared, and a record that was two days late is delivered', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 1_500, from: noon - 24 * HOUR, to: noon + 72 * HOUR });
  const at = noon + 2 * HOUR;
  tenant.add(
    { id: 'twodayslate', service: 'sso', event_type: 'sso_auth', timestamp: formatSecond(at / 1000), success: true },
    { at, visibleAt: noon + 47 * HOUR },
  );
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start: (now) => now - 24 * 3600, interval: HOUR, reconcile });
  await feed.until(noon + 73 * HOUR);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_501, ...equal });
  expect(Math.max(...feed.told.lateness)).toBeGreaterThan(44 * 3600);
  const size = JSON.stringify(sink.commits.at(-1)!.extensions).length;
  expect(size).toBeLessThan(10_000);
});

it('a change of the services hides nothing that is late: what lies before it is read again by the next long pass', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 0 });
  const login = (at: number, id: string) => ({
    id,
    service: 'sso',
    event_type: 'sso_auth',
    timestamp: formatSecond(at / 1000),
    success: true,
  });
  tenant.add(login(noon - MINUTE, 'intime'), { at: noon - MINUTE });
  const at = noon + 30 * MINUTE;
  tenant.add(login(at, 'hourslate'), { at, visibleAt: noon + 6 * HOUR });
  const sink = new MemorySink();
  const changes = {
    start: (now: number) => now - 2 * 3600,
    interval: 30 * MINUTE,
    reconcile: { ...reconcile, longInterval: 4 * HOUR },
  };
  await feedFor(tenant, sink, time, { ...changes, services: ['radius', 'sso'] }).until(noon + 5 * HOUR);
  await feedFor(tenant, sink, time, { ...changes, services: ['sso'] }).until(noon + 10 * HOUR);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 2, ...equal });
});
