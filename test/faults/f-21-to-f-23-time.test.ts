import { describe, expect, it, vi } from 'vitest';
import type { Fault } from '../../fixtures/tenant/faults.js';
import { floorToMillisecond, formatSecond } from '../../mappings/instant.js';
import { compare, feedFor, HOUR, MINUTE, noon, tenantFor, usualReconcile } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { type VirtualTime, virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const equal = { missing: 0, repeated: 0, unknown: 0 };
const story = { records: 250, from: noon - HOUR, to: noon + 3 * HOUR };
/** Each poll reads the overlap again. */
const interval = 2 * MINUTE;
const start = (now: number) => now - 3600;

it('F-21: a record 1 s, 5 min or 29 min behind the position is delivered once; later ones by reconciliation', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, story);
  const delays = [1_000, 5 * MINUTE, 29 * MINUTE, 45 * MINUTE, 110 * MINUTE];
  for (const [index, delay] of delays.entries()) {
    const at = noon + 30 * MINUTE;
    tenant.add(
      { id: `late${index}`, service: 'sso', event_type: 'sso_auth', timestamp: formatSecond(at / 1000), success: true },
      { at, visibleAt: at + delay },
    );
  }
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start, interval, reconcile: usualReconcile });
  await feed.until(noon + 4 * HOUR);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: story.records + 5, ...equal });
  const latest = Math.max(...feed.told.lateness);
  expect(latest).toBeGreaterThanOrEqual(110 * 60);
  expect(latest).toBeLessThan(110 * 60 + 15 * 60);
});

describe('F-22: a clock', () => {
  async function collectWhile(befall: (time: VirtualTime) => Fault[], hours = 4) {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      ...story,
      trouble: { late: { share: 0.1, minDelay: 1_000, maxDelay: 20 * MINUTE } },
    });
    tenant.script(befall(time));
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, interval });
    await feed.until(noon + hours * HOUR);
    const found = await compare(tenant.ledger, sink.texts());
    return { found, feed, tenant };
  }
  const once = (request: number, action: () => void): Fault => ({
    when: { requests: [request] },
    effect: { kind: 'run', action },
  });

  it.each([5, -5, 120, -120, 26 * 60, -26 * 60])(
    'off by %i min from the start leaves no gap and asks for nothing absurd',
    async (minutes) => {
      const { found, feed } = await collectWhile((time) => {
        time.step(minutes * MINUTE);
        return [];
      });
      expect(found).toMatchObject({ ...equal });
      expect(found.expected - found.delivered).toBe(0);
      expect(feed.told.failures).toEqual([]);
    },
  );

  it('that jumps to and fro while the feed runs neither skips nor repeats', async () => {
    const { found, feed } = await collectWhile((time) => [
      once(20, () => time.step(5 * MINUTE)),
      once(40, () => time.step(-10 * MINUTE)),
      once(60, () => time.step(3 * HOUR)),
      once(80, () => time.step(-3 * HOUR)),
    ]);
    expect(found).toMatchObject({ expected: story.records, ...equal });
    expect(feed.told.failures).toEqual([]);
  });

  it('of a machine that slept for an hour and for nine goes on where it stood', async () => {
    const { found, feed } = await collectWhile(
      (time) => [once(30, () => time.suspend(HOUR)), once(90, () => time.suspend(9 * HOUR))],
      14,
    );
    expect(found).toMatchObject({ expected: story.records, ...equal });
    expect(feed.told.failures).toEqual([]);
  });

  it('of JumpCloud that is wrong in single answers, by a day either way, does not carry the position with it', async () => {
    const { found } = await collectWhile(() => [
      { when: { requests: [15, 70] }, effect: { kind: 'date', skew: 24 * HOUR } },
      { when: { requests: [30, 31, 100] }, effect: { kind: 'date', skew: -24 * HOUR } },
    ]);
    expect(found).toMatchObject({ expected: story.records, ...equal });
  });
});

it('F-23: records dated an hour and a hundred years ahead are published and cannot drag the position', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { ...story, trouble: { future: { share: 0.03 } } });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start, interval, reconcile: usualReconcile });
  await feed.until(noon + 5 * HOUR);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: story.records, ...equal });
  expect(floorToMillisecond(sink.commits.at(-1)!.position.maxEventTime)).toBeLessThanOrEqual(time.world());
  expect(sink.events.some(({ time: at }) => at > noon + 50 * 365 * 24 * HOUR)).toBe(true);
  expect(feed.told.reconciled.every(({ unknown, explained }) => unknown === 0 && explained === 0)).toBe(true);
});
