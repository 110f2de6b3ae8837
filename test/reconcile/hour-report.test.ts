import { describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../../collector/monitoring/metrics.js';
import { StatusBoard } from '../../collector/monitoring/status/board.js';
import type { CommitExtension } from '../../collector/pipeline/commit-extension.js';
import type { Cursor } from '../../collector/position/cursor.js';
import { type ReconciledHour, reconciledHours } from '../../collector/reconcile/hour-report.js';
import { ledgerOf } from '../../collector/reconcile/hourly-ledger.js';
import { type HourFigures, reconcileRange } from '../../collector/reconcile/range-report.js';
import type { Ledger } from '../../fixtures/tenant/ledger.js';
import { formatSecond } from '../../mappings/instant.js';
import { configOf, eventOf, tablesAt } from '../monitoring/observe-feed.js';
import { parseMetrics } from '../monitoring/prometheus.js';
import {
  compare,
  type FeedUnderTest,
  feedFor,
  HOUR,
  MINUTE,
  noon,
  tenantFor,
  usualReconcile,
} from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const reconcile = usualReconcile;
const signal = new AbortController().signal;
/** A pass follows each poll: the shortest wait, nine tenths of this, is longer than between passes. */
const interval = 11.2 * MINUTE;
const start = (now: number) => now - 2 * 3600;
const story = { records: 800, from: noon - 2 * HOUR, to: noon + 2 * HOUR };
const late = { share: 0.05, minDelay: 1_000, maxDelay: 110 * MINUTE };

/** Records of the ledger by hour and service, as far as they are visible. */
function known(ledger: Ledger, until: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const { instant, service, visibleAt } of ledger.entries(until)) {
    if (visibleAt > until) continue;
    const key = `${instant.slice(0, 13)}:00:00Z ${service}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return found;
}

/** The same of the hourly ledger. */
function tallied(cursor: Cursor): Map<string, number> {
  const found = new Map<string, number>();
  for (const [hour, rows] of ledgerOf(cursor).hours)
    for (const [service, { delivered, deadLetters, raw, notSelected }] of rows)
      found.set(`${formatSecond(hour * 3600)} ${service}`, delivered + deadLetters + raw + notSelected);
  return found;
}

const sorted = (counts: ReadonlyMap<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
const hoursOf = (sink: MemorySink) => reconciledHours(sink.commits.at(-1)!).hours;
const sum = (
  hours: readonly ReconciledHour[],
  what: 'explained' | 'delivered' | 'deadLetters' | 'raw' | 'notSelected',
) => hours.reduce((total, hour) => total + hour[what], 0);

/** Every whole hour is compared, and agrees with JumpCloud. */
function expectAgreed(hours: readonly ReconciledHour[]): void {
  expect(hours.length).toBeGreaterThan(10);
  expect(hours.filter(({ difference }) => difference !== 0)).toEqual([]);
}

describe('the hourly ledger', () => {
  it('is what the tenant has, service by service and hour by hour, through late records, repeats and dead letters', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, trouble: { late, ties: 0.1, repeated: { share: 0.05 } } });
    for (const minute of [5, 65]) {
      const at = noon + minute * MINUTE;
      const timestamp = formatSecond(at / 1000);
      tenant.add({ id: 7, service: 'sso', event_type: 'sso_auth', timestamp, success: [{}] }, { at, visibleAt: at });
    }
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, interval, reconcile });
    await feed.until(noon + 5 * HOUR);
    expect(sorted(tallied(sink.commits.at(-1)!))).toEqual(sorted(known(tenant.ledger, time.world())));
    expect(sum(hoursOf(sink), 'delivered')).toBe(sink.events.length);
    expect(sum(hoursOf(sink), 'deadLetters')).toBe(sink.deadLetters.length);
    expectAgreed(hoursOf(sink));
  });

  it('is neither more nor less after commits that failed, and some that only seemed to', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, trouble: { late } });
    const sink = new MemorySink(60);
    const fates = ['kept', 'lost', 'kept', 'in_doubt', 'kept'] as const;
    sink.fate = (_batch, number) => (number === 1 ? 'kept' : fates[number % fates.length]!);
    const feed = feedFor(tenant, sink, time, { start, interval: 4 * MINUTE, reconcile });
    await feed.until(noon + 5 * HOUR);
    expect(feed.told.failures.length).toBeGreaterThan(25);
    expect(sorted(tallied(sink.commits.at(-1)!))).toEqual(sorted(known(tenant.ledger, time.world())));
  });

  it('counts what is not selected and what is kept raw as well', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = new MemorySink();
    const selection = { families: new Set(['login'] as const), classes: new Set([3002]) };
    await feedFor(tenant, sink, time, { start, interval, reconcile, ...selection }).until(noon + 4 * HOUR);
    expectAgreed(hoursOf(sink));
    const { counts } = sink.commits.at(-1)!;
    expect(counts.raw).toBeGreaterThan(0);
    for (const what of ['notSelected', 'raw'] as const) expect(sum(hoursOf(sink), what)).toBe(counts[what]);
    expect(sum(hoursOf(sink), 'delivered')).toBe(counts.events);
    expect(sorted(tallied(sink.commits.at(-1)!))).toEqual(sorted(known(tenant.ledger, time.world())));
  });

  it('leaves out the events of the collector itself', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, interval: 2 * MINUTE, reconcile });
    const warning: CommitExtension = {
      key: 'warning',
      restore: () => undefined,
      beforeCommit: () => ({ state: undefined, ownEvents: [eventOf(6003, 'api_key_expires')] }),
    };
    Object.assign(feed.parts, { extensions: [...feed.parts.extensions, warning] });
    await feed.until(noon + HOUR);
    const own = sink.events.filter(({ eventCode }) => eventCode === 'api_key_expires').length;
    expect(own).toBeGreaterThan(25);
    const { counts } = sink.commits.at(-1)!;
    expect(sink.events.length).toBe(counts.events + own);
    expect([...tallied(sink.commits.at(-1)!).values()].reduce((a, b) => a + b, 0)).toBe(counts.events);
  });

  it('has no hours of records dated a century ahead or long ago', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, trouble: { future: { share: 0.05 } } });
    for (const year of [1970, 1999]) {
      const record = { id: `old${year}`, service: 'sso', event_type: 'sso_auth', timestamp: `${year}-01-01T00:00:00Z` };
      tenant.add(record, { at: noon, visibleAt: noon });
    }
    const sink = new MemorySink();
    await feedFor(tenant, sink, time, { start, interval, reconcile }).until(noon + 4 * HOUR);
    const hours = [...ledgerOf(sink.commits.at(-1)!).hours.keys()];
    expect(Math.max(...hours) - Math.min(...hours)).toBeLessThan(8);
    expectAgreed(hoursOf(sink));
  });
});

describe('the hours', () => {
  it('of records that come late show them once they are found, and end without a difference', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const at = noon + 30 * MINUTE;
    const timestamp = formatSecond(at / 1000);
    const visibleAt = noon + 2 * HOUR + 5 * MINUTE;
    const record = { id: 'verylate', service: 'radius', event_type: 'radius_auth_attempt', timestamp, success: true };
    tenant.add(record, { at, visibleAt });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, interval: 5 * MINUTE, reconcile });
    const row = () => hoursOf(sink).find(({ service, hour }) => service === 'radius' && Date.parse(hour) === noon)!;
    await feed.until(visibleAt - MINUTE);
    const before = row();
    expect(before).toMatchObject({ jumpcloud: before.delivered, difference: 0 });
    await feed.until(visibleAt + 30 * MINUTE);
    expect(row()).toEqual({ ...before, delivered: before.delivered + 1, jumpcloud: before.delivered + 1 });
    expect(feed.told.reconciled.reduce((total, { found }) => total + found, 0)).toBe(1);
  });

  it.each([
    ['2026-11-30T04:00:00Z', 5, 0.005],
    ['2026-11-29T14:21:00Z', 3, 0.02],
  ])(
    'of late records show them beside others without a time (from %s, every %d minutes)',
    async (at, minutes, share) => {
      const begin = Date.parse(at);
      const time = virtualTime(begin);
      const trouble = { late, malformed: { share } };
      const tenant = await tenantFor(time, { records: 1_500, from: begin - HOUR, to: begin + 3 * HOUR, trouble });
      const sink = new MemorySink();
      const changes = { start: (now: number) => now - 3600, interval: minutes * MINUTE, reconcile };
      await feedFor(tenant, sink, time, changes).until(begin + 5.5 * HOUR);
      expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ equal: true, delivered: 1_500 });
    },
  );

  it('show a record at the next long pass that JumpCloud counted before its search showed it', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const at = noon + 30 * MINUTE;
    const visibleAt = noon + 3 * HOUR;
    const timestamp = formatSecond(at / 1000);
    const record = {
      id: 'countedfirst',
      service: 'radius',
      event_type: 'radius_auth_attempt',
      timestamp,
      success: true,
    };
    tenant.add(record, { at, visibleAt });
    const sink = new MemorySink();
    const changes = { start, interval: 5 * MINUTE, reconcile: { ...reconcile, longInterval: 4 * HOUR } };
    const feed = feedFor(tenant, sink, time, changes);
    const { count } = feed.client;
    feed.client.count = async (search, ...rest) => {
      const isSearched = search.services.some((service) => service === 'all' || service === 'radius');
      const isAhead = isSearched && search.start * 1000 <= at && at < search.end! * 1000 && time.world() < visibleAt;
      return (await count(search, ...rest)) + (isAhead ? 1 : 0);
    };
    const row = () => hoursOf(sink).find(({ service, hour }) => service === 'radius' && Date.parse(hour) === noon)!;
    await feed.until(visibleAt);
    const before = row();
    expect(before).toMatchObject({ jumpcloud: before.delivered + 1, explained: 1, difference: 0 });
    await feed.until(visibleAt + 5 * HOUR);
    expect(row()).toEqual({ ...before, delivered: before.delivered + 1, explained: 0 });
  });

  it('after a gap are filled and agree', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, from: noon - 3 * HOUR });
    const sink = new MemorySink();
    const from = (now: number) => now - 3 * 3600;
    await feedFor(tenant, sink, time, { start: from, interval, reconcile }).once();
    time.pass(90 * MINUTE);
    sink.tamper('live', (cursor) => ({ ...cursor, settled: formatSecond(Math.floor(time.now() / 1000) - 600) }));
    const feed = feedFor(tenant, sink, time, { start: from, interval, reconcile });
    await feed.until(noon + 4 * HOUR);
    expect(feed.told.reconciled.reduce((total, { found }) => total + found, 0)).toBeGreaterThan(100);
    expect(hoursOf(sink).filter(({ hour }) => Date.parse(hour) === noon).length).toBeGreaterThan(3);
    for (const { hour, difference } of hoursOf(sink)) if (Date.parse(hour) >= noon) expect(difference).toBe(0);
    expect(sorted(tallied(sink.commits.at(-1)!))).toEqual(sorted(known(tenant.ledger, time.world())));
  });

  it('of a count that includes repeats are explained, and not asked for ever', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, trouble: { repeated: { share: 0.05, shown: false } } });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, interval, reconcile });
    await feed.until(noon + 5 * HOUR);
    expectAgreed(hoursOf(sink));
    expect(sum(hoursOf(sink), 'explained')).toBeGreaterThan(20);
    for (const { jumpcloud, delivered, explained } of hoursOf(sink)) expect(jumpcloud).toBe(delivered + explained);
    await feed.until(noon + 6 * HOUR + 5 * MINUTE);
    expect(feed.told.reconciled.slice(-3).map(({ asked }) => asked)).toEqual([1, 1, 1]);
  });

  it('of which JumpCloud gives no count are unknown, never equal', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, quirks: { countRefused: true } });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, interval, reconcile });
    await feed.until(noon + 4 * HOUR);
    expect(hoursOf(sink).length).toBeGreaterThan(10);
    for (const hour of hoursOf(sink)) expect(hour).toMatchObject({ jumpcloud: null, difference: null });
    expect(feed.told.reconciled.at(-1)!.compared).toBeUndefined();
    tenant.quirks.countRefused = false;
    await feed.until(noon + 5 * HOUR);
    expect(hoursOf(sink).some(({ difference }) => difference === 0)).toBe(true);
  });

  it('of a service whose name JumpCloud does not take are unknown, the others known', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, trouble: { unknown: { share: 0.1 } } });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, interval, reconcile });
    await feed.until(noon + 4 * HOUR);
    const known = hoursOf(sink).filter(({ difference }) => difference !== null);
    const unknown = hoursOf(sink).filter(({ difference }) => difference === null);
    expectAgreed(known);
    expect(unknown.length).toBeGreaterThan(0);
    expect(unknown.every(({ service }) => !tenant.quirks.services.includes(service))).toBe(true);
  });

  it('that differ at a sink that cannot tell what it holds are unknown', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      ...story,
      trouble: { late: { share: 0.05, minDelay: 40 * MINUTE, maxDelay: 110 * MINUTE } },
    });
    const sink = new MemorySink(500, false);
    await feedFor(tenant, sink, time, { start, interval, reconcile }).until(noon + 4 * HOUR);
    const differences = hoursOf(sink).map(({ difference }) => difference);
    expect(differences).toContain(null);
    expect(differences).toContain(0);
    expect(differences.filter((difference) => difference !== null && difference !== 0)).toEqual([]);
  });

  it('before the first whole one, and of the time before an upgrade, are unknown', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, to: noon + 3 * HOUR });
    const sink = new MemorySink();
    const settings = { start: (now: number) => now - 90 * 60, interval, reconcile };
    await feedFor(tenant, sink, time, settings).until(noon + HOUR + 10 * MINUTE);
    const first = hoursOf(sink).filter(({ hour }) => Date.parse(hour) < noon - HOUR);
    expect(first.length).toBeGreaterThan(3);
    for (const hour of first) expect(hour).toMatchObject({ jumpcloud: null, difference: null });
    sink.tamper('live', ({ memory: { tally: _, ...memory }, ...cursor }) => ({ ...cursor, memory }));
    await feedFor(tenant, sink, time, settings).until(noon + 4 * HOUR);
    const hours = hoursOf(sink);
    const upgraded = noon + HOUR;
    for (const { hour, difference } of hours) expect(difference).toBe(Date.parse(hour) > upgraded ? 0 : null);
    expect(hours.some(({ hour }) => Date.parse(hour) === upgraded)).toBe(true);
    expect(hours.some(({ hour }) => Date.parse(hour) > upgraded)).toBe(true);
  });

  it('beyond the reach are compared once: after the first start, and after a long rest', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, from: noon - 9 * HOUR, to: noon + 9 * HOUR });
    const sink = new MemorySink();
    const settings = { start: (now: number) => now - 9 * 3600, reconcile };
    for (const hours of [8, 17]) {
      const feed = feedFor(tenant, sink, time, settings);
      await feed.once();
      expect(new Set(hoursOf(sink).map(({ hour }) => hour)).size).toBe(hours);
      expectAgreed(hoursOf(sink));
      expect(feed.told.reconciled[0]!.asked).toBeLessThan(2 * tenant.quirks.services.length);
      time.pass(9 * HOUR);
    }
  });

  it('of a service that was selected later are known from its own beginning on', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, to: noon + 4 * HOUR });
    const sink = new MemorySink();
    const from = (now: number) => now - 3600;
    await feedFor(tenant, sink, time, { start: from, interval, reconcile, services: ['directory'] }).until(
      noon + 2 * HOUR,
    );
    expect(new Set(hoursOf(sink).map(({ service }) => service))).toEqual(new Set(['directory']));
    const services = ['directory', 'sso'];
    await feedFor(tenant, sink, time, { start: from, interval, reconcile, services }).until(noon + 5 * HOUR);
    const hours = hoursOf(sink).filter(({ service, hour }) => service === 'sso' && Date.parse(hour) > noon + HOUR);
    expect(hours.length).toBeGreaterThan(1);
    for (const { difference } of hours) expect(difference).toBe(0);
  });
});

describe('those who look on', () => {
  const look = (feed: FeedUnderTest) => {
    const metrics = createMetrics({ version: '0.0.0' });
    const measured = metrics.feed({ feed: 'acme', sink: 'tables', now: () => Date.now() });
    const board = new StatusBoard('0.0.0');
    const status = board.feed({ config: configOf(), sink: tablesAt, now: () => Date.now() });
    feed.watch(measured.observer);
    feed.watch(status.observer);
    const series = async (name: string) => parseMetrics(await metrics.text()).get(`jumpcloud_ocsf_${name}`)!.samples;
    return { series, rows: () => board.view(status.name).feeds[0]!.reconciliation };
  };
  /** A row of `reconcile --json` in the words of the status. */
  const asStatus = ({ count, missing, repaired: _, ...figures }: HourFigures) => ({
    ...figures,
    jumpcloud: count ?? null,
    difference: missing,
  });

  it('show what `reconcile --json` prints for the same hours, and a restart shows it at once', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, trouble: { late, repeated: { share: 0.05 } } });
    const sink = new MemorySink();
    const settings = { start, interval, reconcile, families: new Set(['login', 'other'] as const) };
    const feed = feedFor(tenant, sink, time, settings);
    const { series, rows } = look(feed);
    await feed.until(noon + 5 * HOUR);
    const range = { from: (noon - 2 * HOUR) / 1000, to: (noon + 4 * HOUR) / 1000 };
    const printed = await reconcileRange(range, feed.settings, feed.parts, { repair: false, signal });
    expect(printed.hours.length).toBeGreaterThan(20);
    expect(printed.hours.some(({ notSelected }) => notSelected > 0)).toBe(true);
    const within = rows().filter(({ hour }) => Date.parse(hour) / 1000 < range.to);
    expect(within).toEqual(printed.hours.map(asStatus));

    expect(await series('reconcile_hour_timestamp_seconds')).toMatchObject([{ value: (noon + 3 * HOUR) / 1000 }]);
    const differences = await series('reconcile_difference_records');
    expect(differences.length).toBe(new Set(rows().map(({ service }) => service)).size);
    for (const { value } of differences) expect(value).toBe(0);

    const again = feedFor(tenant, sink, time, settings);
    const restarted = look(again);
    await again.once();
    expect(restarted.rows()).toEqual(rows());
  });

  it('show the last hour in numbers, each under its kind', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      ...story,
      to: noon + 5 * HOUR,
      trouble: { repeated: { share: 0.1, shown: false } },
    });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, interval, reconcile });
    const { series, rows } = look(feed);
    await feed.until(noon + 4 * HOUR);
    const [{ value: hour } = { value: 0 }] = await series('reconcile_hour_timestamp_seconds');
    const last = rows().filter((row) => Date.parse(row.hour) / 1000 === hour);
    expect(last.length).toBeGreaterThan(5);
    const shown = await series('reconcile_hour_records');
    for (const { service, jumpcloud, delivered, explained } of last) {
      for (const [kind, records] of Object.entries({
        jumpcloud,
        delivered,
        explained,
        dead_letters: 0,
        difference: 0,
      })) {
        const found = shown.find(({ labels }) => labels.service === service && labels.kind === kind);
        expect(found?.value, `${service} ${kind}`).toBe(records);
      }
    }
  });
});

it('a repair of what the sink had lost leaves the hourly ledger with what it holds', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { ...story, to: noon });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start, interval, reconcile });
  await feed.until(noon + 3 * HOUR);
  const expected = sorted(tallied(sink.commits.at(-1)!));
  expect(sink.remove(noon - HOUR, noon - HOUR + 20 * MINUTE)).toBeGreaterThan(20);
  const range = { from: (noon - 2 * HOUR) / 1000, to: noon / 1000 };
  const report = await reconcileRange(range, feed.settings, feed.parts, { repair: true, signal });
  expect(report.verdict).toBe('equal');
  expect(sorted(tallied((await sink.peek('live'))!))).toEqual(expected);
});
