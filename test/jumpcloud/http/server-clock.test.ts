import { describe, expect, it } from 'vitest';
import { createServerClock } from '../../../collector/jumpcloud/http/server-clock.js';
import { clientFor, collect } from '../client-under-test.js';
import { fakeTiming } from '../fake-timing.js';
import { page, scriptedServer } from '../scripted-server.js';

const header = (ms: number) => new Date(ms).toUTCString();

function clockOf() {
  const timing = fakeTiming();
  const told: { skewMs: number; agrees: boolean }[] = [];
  const clock = createServerClock(timing, (skew) => told.push(skew));
  /** One answer, with JumpCloud's clock so many milliseconds ahead. */
  const hear = (aheadMs: number) => clock.observe(header(timing.now() + aheadMs), timing.monotonic());
  return { timing, told, clock, hear };
}

describe('F-22: clocks', () => {
  it('the local clock is used before the first answer and while both agree', () => {
    const { clock, timing, told, hear } = clockOf();
    expect(clock.skewMs()).toBeUndefined();
    expect(clock.serverNow()).toBe(timing.now());
    hear(0);
    expect(Math.abs(clock.skewMs() ?? 9_999)).toBeLessThanOrEqual(1_000);
    expect(clock.serverNow()).toBe(timing.now());
    expect(told).toEqual([]);
  });

  it.each([300_000, -300_000])(
    'JumpCloud’s clock counts where the local one is off by %i ms, and it is said once',
    (ahead) => {
      const { clock, timing, told, hear } = clockOf();
      for (let turn = 0; turn < 6; turn += 1) {
        hear(ahead);
        timing.advance(60_000);
      }
      expect(Math.abs(clock.serverNow() - (timing.now() + ahead))).toBeLessThanOrEqual(1_000);
      expect(told).toHaveLength(1);
      expect(told[0]).toMatchObject({ agrees: false });
      expect(Math.abs((told[0]?.skewMs ?? 0) - ahead)).toBeLessThanOrEqual(1_000);
    },
  );

  it('a step of the local clock during the run does not move the server’s time', () => {
    const { clock, timing, hear } = clockOf();
    hear(0);
    const before = clock.serverNow();
    timing.step(-300_000);
    expect(Math.abs(clock.serverNow() - before)).toBeLessThanOrEqual(1_000);
    timing.step(900_000);
    expect(Math.abs(clock.serverNow() - before)).toBeLessThanOrEqual(1_000);
  });

  it('after a suspend, in which only the wall clock ran on, the first answer counts', () => {
    const { clock, timing, told, hear } = clockOf();
    for (let turn = 0; turn < 5; turn += 1) hear(0);
    timing.step(3_600_000);
    hear(0);
    expect(Math.abs(clock.serverNow() - timing.now())).toBeLessThanOrEqual(1_000);
    expect(told.at(-1)?.agrees ?? true).toBe(true);
  });

  it('says so when both agree again', () => {
    const { told, hear } = clockOf();
    hear(10_000);
    hear(0);
    expect(told.map((skew) => skew.agrees)).toEqual([false, true]);
  });

  it('one answer that was delayed on its way is outvoted', () => {
    const { clock, hear } = clockOf();
    for (const ahead of [0, 0, 1_900, 0, 0]) hear(ahead);
    expect(Math.abs(clock.skewMs() ?? 9_999)).toBeLessThanOrEqual(1_000);
  });

  it('a Date that the local clock does not bear out counts after four answers that agree over a minute', () => {
    const { clock, timing, told, hear } = clockOf();
    hear(0);
    for (let answer = 1; answer <= 3; answer += 1) {
      timing.advance(30_000);
      hear(864_000_000);
      expect(clock.reading()).toMatchObject({ confirmed: true, apart: false });
      expect(clock.serverNow()).toBe(timing.now());
    }
    timing.advance(30_000);
    hear(864_000_000);
    expect(clock.reading()).toMatchObject({ confirmed: true, apart: true });
    expect(told).toMatchObject([{ agrees: false, apart: true }]);
    hear(0);
    expect(clock.reading()).toMatchObject({ confirmed: true, apart: false });
    expect(told.at(-1)).toMatchObject({ agrees: true });
  });

  it('many wrong answers within a minute, or wrong and right ones in turn, count for nothing', () => {
    const { clock, timing, told, hear } = clockOf();
    hear(0);
    for (let answer = 0; answer < 50; answer += 1) {
      hear(864_000_000);
      timing.advance(1_000);
    }
    for (let answer = 0; answer < 50; answer += 1) {
      hear(answer % 2 === 0 ? 0 : -864_000_000);
      timing.advance(10_000);
    }
    expect(told).toEqual([]);
    expect(clock.serverNow()).toBe(timing.now());
  });

  it('before anything is confirmed, clocks that differ by more than five minutes move no position', () => {
    const { clock, timing, hear } = clockOf();
    hear(600_000);
    expect(clock.reading()).toMatchObject({ confirmed: false, apart: true });
    expect(clock.serverNow()).toBe(timing.now());
  });

  it.each([
    undefined,
    '',
    'yesterday',
    'Fri, 31 Dec 9999 23:59:59 GMT',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    '+275760-09-13T00:00:00Z',
    '2026-11-01T00:00:00Z',
    'Sun, 01 Nov 2026 00:00:00 +0000',
    'Mon, 01 Nov 2026 00:00:00 GMT',
    'Sun, 1 Nov 2026 00:00:00 GMT',
  ])('a Date header %j changes nothing', (date) => {
    const { clock, timing } = clockOf();
    expect(clock.observe(date, timing.monotonic())).toBeUndefined();
    expect(clock.skewMs()).toBeUndefined();
  });

  it('the client measures it with every answer and reports it', async () => {
    const ahead = 7_200_000;
    const server = await scriptedServer((request, response) => {
      page([], undefined, { date: header(timing.now() + ahead) })(request, response);
    });
    const { client, timing, told } = clientFor(server.origin);
    await collect(client);
    expect(told.onSkew).toHaveLength(1);
    expect(Math.abs((client.clock.skewMs() ?? 0) - ahead)).toBeLessThanOrEqual(1_000);
  });
});
