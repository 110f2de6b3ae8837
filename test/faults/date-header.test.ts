import { describe, expect, it, vi } from 'vitest';
import type { Cursor } from '../../collector/position/cursor.js';
import { steppedBackIn } from '../../collector/position/step-back.js';
import type { Effect } from '../../fixtures/tenant/faults.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { formatSecond } from '../../mappings/instant.js';
import { compare, feedFor, HOUR, MINUTE, noon, tenantFor, usualReconcile } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const DAY = 24 * HOUR;
const equal = { missing: 0, repeated: 0, unknown: 0 };
const story = { records: 300, from: noon - HOUR, to: noon + 3 * HOUR };
/** Each poll reads the overlap again. */
const interval = 2 * MINUTE;
const start = (now: number) => now - 3600;

/** A day of which the tenant's Date header is wrong between two moments. */
async function worldOf(wrong: { from: number; to: number; effect: Effect } | undefined, localOff = 0) {
  const time = virtualTime(noon);
  time.step(localOff);
  const tenant = await tenantFor(time, story);
  if (wrong !== undefined) {
    const match = () => time.world() >= wrong.from && time.world() < wrong.to;
    for (const route of ['events', 'count'] as const) tenant.script([{ when: { route, match }, effect: wrong.effect }]);
  }
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start, interval, reconcile: usualReconcile });
  return { time, tenant, sink, feed };
}

/** Records that become visible a minute after their time. */
function addLate(tenant: Tenant, count: number, at: number): void {
  for (let number = 0; number < count; number += 1) {
    const record = { id: `late${number}`, service: 'sso', event_type: 'sso_auth', success: true };
    tenant.add({ ...record, timestamp: formatSecond(at / 1000) }, { at, visibleAt: at + MINUTE });
  }
}

const positionsIn = (commits: readonly Cursor[]) => commits.map(({ position }) => position.watermark * 1000);

describe('a Date header', () => {
  it('ten days ahead for five polls moves no position, and late records after it come with the next poll', async () => {
    const wrong = {
      from: noon + HOUR,
      to: noon + HOUR + 5 * interval,
      effect: { kind: 'date', skew: 10 * DAY },
    } as const;
    const { tenant, sink, feed } = await worldOf(wrong);
    addLate(tenant, 20, noon + HOUR + 20 * MINUTE);
    await feed.until(noon + HOUR + 23 * MINUTE);
    expect([...sink.texts()].filter((text) => text.includes('"late'))).toHaveLength(20);
    expect(Math.max(...positionsIn(sink.commits))).toBeLessThan(noon + HOUR);
    await feed.until(noon + 4 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 320, ...equal });
    expect(feed.told.failures).toEqual([]);
  });

  it.each([
    ['ten days ahead', 10 * DAY],
    ['ten days behind', -10 * DAY],
  ])('that stays %s leaves the position to the records, and nothing is lost', async (_, skew) => {
    const { tenant, sink, feed } = await worldOf({ from: noon, to: noon + DAY, effect: { kind: 'date', skew } });
    addLate(tenant, 20, noon + HOUR + 20 * MINUTE);
    await feed.until(noon + 4 * HOUR);
    expect(feed.client.clock.reading()).toMatchObject({ apart: true, confirmed: true });
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 320, ...equal });
    // The last record lies at three o'clock: the position has followed the records up to the overlap before them.
    const last = positionsIn(sink.commits).at(-1)!;
    expect(last).toBeLessThanOrEqual(noon + 3 * HOUR - 30 * MINUTE);
    expect(last).toBeGreaterThan(noon + 2 * HOUR);
    expect(feed.told.failures).toEqual([]);
  });

  it.each([
    'Fri, 31 Dec 9999 23:59:59 GMT',
    'Fri, 31 Dec 12000 23:59:59 GMT',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    '+275760-09-13T00:00:00Z',
    'Mon, 03 Nov 2026 12:00:00 GMT',
    'Tuesday, 03-Nov-26 12:00:00 GMT',
    '2026-11-13T12:00:00Z',
    '253402300799',
    'yesterday',
  ])('%s is no sample and no error, also on a first run', async (text) => {
    const { tenant, sink, feed } = await worldOf({ from: noon, to: noon + DAY, effect: { kind: 'date', text } });
    await feed.until(noon + HOUR);
    expect(feed.told.failures).toEqual([]);
    expect(sink.commits[0]!.position.ownedFrom).toBe(noon / 1000 - 3600);
    expect(feed.client.clock.skewMs()).toBeUndefined();
    expect(await compare(tenant.ledger, sink.texts(), { until: noon + HOUR - 2 * MINUTE })).toMatchObject(equal);
  });
});

describe('a local clock', () => {
  it.each([
    ['behind', -400 * DAY],
    ['ahead', 400 * DAY],
  ])('400 days %s still collects, and the position follows the records', async (_, off) => {
    const { tenant, sink, feed } = await worldOf(undefined, off);
    await feed.until(noon + 4 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 300, ...equal });
    const last = positionsIn(sink.commits).at(-1)!;
    expect(last).toBeGreaterThan(noon + 2 * HOUR);
    expect(last).toBeLessThan(noon + 3 * HOUR);
    expect(feed.told.failures).toEqual([]);
  });
});

describe('a stored position four days ahead', () => {
  it.each([
    ['with the feed stopped', false],
    ['and its newest record and first start as well', true],
  ])('%s is damage: it is said, stepped back, and healed by the reconciler', async (_, everything) => {
    const { time, tenant, sink, feed } = await worldOf(undefined);
    await feed.until(noon + HOUR);
    const ahead = formatSecond((noon + 4 * DAY) / 1000);
    sink.tamper('live', (cursor) => ({
      ...cursor,
      settled: ahead,
      ...(everything ? { newest: ahead } : {}),
    }));
    // Became visible while nobody read, older than what the lane goes back to.
    for (const minutes of [5, 40]) {
      const at = noon + HOUR - minutes * MINUTE;
      const record = { id: `hidden${minutes}`, service: 'sso', event_type: 'sso_auth', success: true };
      tenant.add({ ...record, timestamp: formatSecond(at / 1000) }, { at, visibleAt: noon + HOUR + MINUTE });
    }
    time.pass(2 * MINUTE);
    const before = sink.commits.length;
    await feed.until(noon + 4 * HOUR);
    expect(feed.told.notes.filter((note) => note.includes('the stored position was damaged'))).toHaveLength(1);
    const later = sink.commits.slice(before);
    expect(later.some((cursor) => steppedBackIn(cursor)?.from === ahead)).toBe(true);
    expect(steppedBackIn(later.at(-1)!)).toBeUndefined();
    expect(Math.max(...positionsIn(later))).toBeLessThan(time.world());
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 302, ...equal });
    expect(feed.told.failures).toEqual([]);
  });

  it('that a first run left there with its origin begins again where a first run would', async () => {
    const { tenant, sink, feed } = await worldOf(undefined);
    await feed.until(noon + MINUTE);
    const far = '9999-12-30T23:59:59Z';
    sink.tamper('live', (cursor) => ({ ...cursor, origin: far, settled: far, newest: far }));
    await feed.until(noon + 4 * HOUR);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ repeated: 0, unknown: 0, missing: 0 });
    expect(feed.told.failures).toEqual([]);
  });
});
