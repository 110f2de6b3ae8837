import { expect, it, vi } from 'vitest';
import type { Fault } from '../../fixtures/tenant/faults.js';
import { compare, feedFor, HOUR, MINUTE, noon, tenantFor } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const equal = { missing: 0, repeated: 0, unknown: 0 };
const CAP = 300_000;

it('F-11: a storm of 200 refusals with absurd Retry-After values: one request per wait, and everything arrives', async () => {
  const time = virtualTime(noon);
  const asks = [
    (_at: number) => ({ 'Retry-After': '7' }),
    (at: number) => ({ 'Retry-After': new Date(at + 20_000).toUTCString() }),
    () => ({}),
    () => ({ 'Retry-After': '0' }),
    () => ({ 'Retry-After': '-5' }),
    () => ({ 'Retry-After': '315360000' }),
    () => ({ 'Retry-After': 'in a while' }),
  ];
  const first = 8;
  const storm: Fault[] = Array.from({ length: 200 }, (_, index) => ({
    when: { requests: [first + index] },
    effect: { kind: 'status', status: 429, headers: { ...asks[index % asks.length]!(noon) } as Record<string, string> },
  }));
  const tenant = await tenantFor(time, { records: 250, from: noon - HOUR, to: noon + 2 * HOUR, script: storm });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start: (now) => now - 3600 });
  await feed.until(noon + 24 * HOUR);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 250, ...equal });
  expect(tenant.mostInFlight).toBe(1);
  const refused = tenant.requests.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(200);
  for (const [index, { number, at }] of refused.entries()) {
    const after = tenant.requests.find((request) => request.number === number + 1)!.at;
    const asked = [7_000, 0, 0, 0, 0, CAP, 0][index % asks.length]!;
    expect(after - at).toBeGreaterThanOrEqual(asked);
    expect(after - at).toBeLessThan(CAP + 10 * MINUTE);
  }
  for (const failure of feed.told.failures) expect(failure.code).toBe('RATE_LIMITED');
});

it('F-12: server errors, an HTML page and a 503 with Retry-After are waited out, and HTML is never data', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, {
    records: 250,
    from: noon - HOUR,
    to: noon + 2 * HOUR,
    script: [
      { when: { requests: [2, 3, 4] }, effect: { kind: 'status', status: 500 } },
      { when: { requests: [6, 7] }, effect: { kind: 'html', status: 502 } },
      { when: { requests: [9] }, effect: { kind: 'status', status: 503, headers: { 'Retry-After': '30' } } },
      { when: { requests: [11] }, effect: { kind: 'html', status: 200 } },
      { when: { rate: 0.3, times: 60 }, effect: { kind: 'status', status: 504 } },
    ],
  });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start: (now) => now - 3600 });
  await feed.until(noon + 4 * HOUR);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 250, ...equal });
});
