import { expect, it, vi } from 'vitest';
import { planBackfill } from '../../collector/backfill/plan.js';
import { runBackfill } from '../../collector/backfill/run.js';
import { feedLogger } from '../../collector/monitoring/log-observer.js';
import { StatusBoard } from '../../collector/monitoring/status/board.js';
import { reconcileRange } from '../../collector/reconcile/range-report.js';
import { unaskedServicesIn } from '../../collector/reconcile/unasked-services.js';
import { servicesFor } from '../../mappings/catalogue/index-by-type.js';
import { formatSecond } from '../../mappings/instant.js';
import { configOf, tablesAt } from '../monitoring/observe-feed.js';
import {
  compare,
  type FeedUnderTest,
  feedFor,
  HOUR,
  MINUTE,
  namedServices,
  noon,
  tenantFor,
  usualReconcile,
} from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

vi.setConfig({ testTimeout: 120_000 });

const signal = new AbortController().signal;
const newRecord = (at: number, service = 'zero_trust') => ({
  id: `${service}-${at}`,
  service,
  event_type: 'posture_check',
  timestamp: new Date(at).toISOString(),
});
const DAY = 24 * HOUR;
const start = (now: number) => now - 6 * 3600;
const story = { records: 400, from: noon - 12 * HOUR, to: noon };

it.each([
  ['all', []],
  ['less than all', ['access_management', 'sso']],
])(
  'records of a service that JumpCloud introduces tomorrow are delivered once where its `all` shows %s: by polls, a backfill and reconciliation',
  async (_, allOmits) => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { ...story, quirks: { allOmits } });
    const add = (at: number, visibleAt = at) => tenant.add(newRecord(at), { at, visibleAt });
    for (const ago of [11 * HOUR, 8 * HOUR, 5 * HOUR, 3 * HOUR, MINUTE]) add(noon - ago);
    add(noon + 10 * MINUTE);
    // Later than the overlap: only a comparison of the counts finds it, and that only where `all` is all.
    add(noon - 10 * MINUTE, allOmits.length === 0 ? noon + HOUR : noon);
    const sink = new MemorySink();
    const changes = { services: namedServices, start, reconcile: usualReconcile };
    const feed = feedFor(tenant, sink, time, changes, { pageSize: 40 });
    await feed.until(noon + 3 * HOUR);
    expect(feed.told.failures).toEqual([]);
    expect(feed.told.reconciled.some(({ found }) => found > 0)).toBe(allOmits.length === 0);
    const { ranges } = await planBackfill(
      { from: (noon - 13 * HOUR) / 1000, to: noon / 1000 },
      feed.settings,
      feed.parts,
    );
    for (const range of ranges) await runBackfill(range, feed.settings, feed.parts, signal, () => undefined);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ equal: true, delivered: 407 });
    const classes = sink.events.filter(({ text }) => text.includes('zero_trust')).map(({ classUid }) => classUid);
    expect(classes).toEqual(Array(7).fill(0));

    const range = { from: (noon - 12 * HOUR) / 1000, to: (noon + 2 * HOUR) / 1000 };
    const report = await reconcileRange(range, feed.settings, feed.parts, { repair: false, signal });
    expect(report.hours.filter(({ missing }) => missing > 0)).toEqual([]);
    const others = report.hours.filter(({ service }) => service === '(other)');
    expect(others.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(7);
    if (allOmits.length === 0) expect(report.verdict).toBe('equal');
    else expect(report.verdict).not.toBe('different');
  },
);

it('a feed of login and admin that takes up `other` begins with it at poll.start, and brings nothing twice', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, story);
  tenant.add(newRecord(noon - 2 * HOUR), { at: noon - 2 * HOUR });
  const sink = new MemorySink();
  const before = feedFor(tenant, sink, time, { services: servicesFor(['login', 'admin']), start });
  await before.until(noon + HOUR);
  tenant.add(newRecord(noon + 2 * HOUR), { at: noon + 2 * HOUR });
  const after = feedFor(tenant, sink, time, { services: namedServices, start });
  await after.until(noon + 3 * HOUR);
  expect(after.told.notes.join()).toContain('(other)');
  expect(sink.commits.at(-1)?.position.services.toSorted()).toEqual(namedServices.toSorted());
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ repeated: 0, unknown: 0 });
  expect([...sink.texts()].filter((text) => text.includes('zero_trust'))).toHaveLength(2);
});

it('a feed of login and admin looks once a day how many records JumpCloud holds of services that it does not ask for, and says it in log and status', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, {
    ...story,
    keys: [{ refusedServices: ['radius'] }],
    only: ['sso/', 'directory/', 'mdm/'],
  });
  for (const ago of [3, 4, 5]) tenant.add(newRecord(noon - ago * HOUR), { at: noon - ago * HOUR });
  tenant.add(newRecord(noon - HOUR), { at: noon - HOUR });
  const sink = new MemorySink();
  const changes = { services: servicesFor(['login', 'admin']), start, interval: 10 * MINUTE };
  const warnings: string[] = [];
  const log = {
    warn: (line: string, { cure }: { cure?: string }) => warnings.push(`${line} → ${cure}`),
    ...Object.fromEntries(['info', 'debug', 'trace', 'recovered', 'failing'].map((name) => [name, () => undefined])),
  };
  const said = () => warnings.filter((line) => line.includes('does not know'));
  const shownBy = (of: FeedUnderTest) => {
    const board = new StatusBoard('1.2.3', time.now);
    of.watch(board.feed({ config: configOf({}), sink: tablesAt, now: time.now }).observer);
    return () => board.view().feeds[0]!.unaskedServices;
  };
  const feed = feedFor(tenant, sink, time, changes);
  feed.watch(feedLogger(log as never));
  const shown = shownBy(feed);
  await feed.until(noon + 20 * HOUR);
  expect(feed.told.unasked).toEqual([3]);
  const day = { from: formatSecond(noon / 1000 - 26 * 3600), to: formatSecond(noon / 1000 - 2 * 3600) };
  expect(shown()).toEqual({ records: 3, ...day });
  expect(said()).toEqual([expect.stringMatching(/^JumpCloud holds 3 records.* \(radius\).*→ Add `other` to/)]);
  // Another process goes on where the first has looked.
  const next = feedFor(tenant, sink, time, changes);
  next.watch(feedLogger(log as never));
  const shownNext = shownBy(next);
  await next.until(noon + 23 * HOUR);
  expect(shownNext()).toEqual({ records: 3, ...day });
  await next.until(noon + 25 * HOUR);
  expect(next.told.unasked).toEqual([1]);
  expect(unaskedServicesIn(sink.commits.at(-1)!)).toMatchObject({ records: 1 });
  await next.until(noon + 50 * HOUR);
  expect(next.told.unasked).toEqual([1, 0]);
  expect(shownNext()).toMatchObject({ records: 0 });
  expect(said()).toHaveLength(2);
});

it('says nothing of services that it does not ask for while counts move, or are refused', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { ...story, quirks: { countRefused: true } });
  const feed = feedFor(tenant, new MemorySink(), time, { services: ['sso'], start, interval: 10 * MINUTE });
  await feed.until(noon + HOUR);
  expect(feed.told.unasked).toEqual([]);
  expect(feed.told.notes.join()).not.toContain('put off');
  tenant.quirks.countRefused = false;
  let added = 0;
  tenant.script([
    {
      when: { route: 'count' },
      effect: {
        kind: 'run',
        action: () => {
          added += 1;
          const at = time.world() - 10 * HOUR - added;
          tenant.add(newRecord(at), { at });
        },
      },
    },
  ]);
  await feed.until(noon + DAY + 2 * HOUR);
  expect(added).toBeGreaterThan(0);
  expect(feed.told.unasked).toEqual([]);
});
