import { expect, it } from 'vitest';
import { reconcileRange } from '../../collector/reconcile/range-report.js';
import type { JsonObject } from '../../mappings/json.js';
import { feedFor, HOUR, MINUTE, noon, tenantFor } from './feed-under-test.js';
import { MemorySink } from './memory-sink.js';
import { virtualTime } from './virtual-time.js';

const attempt = {
  service: 'radius',
  event_type: 'radius_auth_attempt',
  id: '6f1d3c1e-0000-5000-8000-000000000001',
  initiated_by: { type: 'user', username: 'ada.meier' },
  timestamp: '2026-11-03T11:45:00.1Z',
  success: false,
};
const result = { ...attempt, service: 'mdm', event_type: 'mdm_command_result', id: 'c0ffee', success: true };
const five: JsonObject[] = [
  attempt,
  { ...attempt, timestamp: '2026-11-03T11:45:01Z', success: true },
  ...['11:50:00', '11:51:30', '11:53:00'].map((time) => ({ ...result, timestamp: `2026-11-03T${time}Z` })),
];

it('records that share an id are events of their own, delivered once over polls, restarts and reconciliation, and reported', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 0 });
  const add = (record: JsonObject) => tenant.add({ organization: tenant.organization, ...record });
  for (const record of five) add(record);
  const sink = new MemorySink();
  const reconcile = { interval: 10 * MINUTE, reach: 2 * 3600, longInterval: 24 * HOUR, longReach: 3 * 86_400 };
  const told = { variants: 0, reusedIds: [] as string[] };
  const collect = async (until: number) => {
    const feed = feedFor(tenant, sink, time, { reconcile, start: (now) => now - 2 * 3600 });
    feed.watch((event) => {
      if (event.type !== 'committed') return;
      told.variants += event.variants;
      told.reusedIds.push(...event.reusedIds);
    });
    await feed.until(until);
    expect(feed.told.failures).toEqual([]);
    return { ...feed, reconciled: feed.told.reconciled };
  };
  await collect(noon + 5 * MINUTE);
  const first = sink.events.map(({ uid }) => uid);
  expect(new Set(first).size).toBe(5);
  expect(first).toHaveLength(5);
  expect(told).toEqual({
    variants: 0,
    reusedIds: ['radius/radius_auth_attempt', 'mdm/mdm_command_result', 'mdm/mdm_command_result'],
  });

  // A count that grew: the same record in another text.
  add({ ...attempt, repeat_count: 25 });
  const { settings, parts, reconciled } = await collect(noon + 3 * HOUR);
  expect(sink.events.map(({ uid }) => uid)).toEqual(first);
  expect(told).toMatchObject({ variants: 1, reusedIds: { length: 3 } });
  expect(reconciled.length).toBeGreaterThan(0);
  expect(reconciled.reduce((sum, { found }) => sum + found, 0)).toBe(0);

  const range = { from: noon / 1000 - 3600, to: noon / 1000 };
  const signal = new AbortController().signal;
  const { hours, verdict } = await reconcileRange(range, settings, parts, { repair: false, signal });
  const figures = hours.map(({ service, count, delivered, explained }) => ({ service, count, delivered, explained }));
  expect(figures).toEqual([
    { service: 'mdm', count: 3, delivered: 3, explained: 0 },
    { service: 'radius', count: 3, delivered: 2, explained: 1 },
  ]);
  expect(verdict).toBe('explained');
});
