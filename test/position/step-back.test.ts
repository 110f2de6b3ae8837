import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClockReading } from '../../collector/clock.js';
import { firstCursor, type InsightsPosition } from '../../collector/position/cursor.js';
import { stepBack } from '../../collector/position/step-back.js';
import { floorToSecond, formatSecond, instantOfSecond } from '../../mappings/instant.js';

const now = Date.UTC(2026, 10, 20, 12);
const DAY = 86_400;
const OVERLAP = 1_800;
const hourAgo = now / 1000 - 3600;
const ahead = now / 1000 + 4 * DAY;
const start = (at: number) => at - DAY;

const position: InsightsPosition = {
  ...firstCursor({
    feed: 'acme',
    lane: 'live',
    organization: undefined,
    baseUrl: 'https://api.jumpcloud.com/insights/directory/v1',
    start: now / 1000 - 10 * DAY,
    services: ['directory', 'sso'],
    now,
  }).position,
  watermark: now / 1000 - OVERLAP,
  maxEventTime: instantOfSecond(hourAgo),
};
const agreed: ClockReading = { local: now, server: now, confirmed: true, apart: false };

/** The clocks, so many seconds away from the truth. */
function reading(local: number, server: number | undefined, confirmed: boolean): ClockReading {
  const ahead = server === undefined ? undefined : now + server * 1000;
  return {
    local: now + local * 1000,
    server: ahead,
    confirmed,
    apart: server !== undefined && Math.abs(server - local) > 300,
  };
}

describe('a stored position', () => {
  it('that lies behind the clocks or the newest record is left alone', () => {
    expect(stepBack(position, agreed, start, OVERLAP)).toBeUndefined();
    const behindRecords = { ...position, watermark: ahead, maxEventTime: instantOfSecond(ahead) };
    expect(stepBack(behindRecords, reading(-400 * DAY, 4 * DAY, true), start, OVERLAP)).toBeUndefined();
    expect(stepBack(behindRecords, reading(-400 * DAY, undefined, false), start, OVERLAP)).toBeUndefined();
  });

  it('that a configuration has set to a day to come is left alone', () => {
    const future = { ...position, ownedFrom: ahead, watermark: ahead, maxEventTime: instantOfSecond(ahead) };
    expect(stepBack(future, agreed, () => ahead, OVERLAP)).toBeUndefined();
  });

  it('is not accused by a time that is not confirmed', () => {
    expect(stepBack(position, reading(0, -10 * DAY, false), start, OVERLAP)).toBeUndefined();
  });

  it('is accused by the local clock alone only while no time of JumpCloud is known', () => {
    const quiet = { ...position, maxEventTime: instantOfSecond(now / 1000 - 9 * DAY) };
    expect(stepBack(quiet, reading(-2 * 3600, 0, false), start, OVERLAP)).toBeUndefined();
    expect(stepBack(quiet, reading(-2 * 3600, undefined, false), start, OVERLAP)).toBeDefined();
    expect(stepBack(quiet, reading(-2 * 3600, 0, true), start, OVERLAP)).toBeDefined();
  });

  it('beyond the newest record and both clocks goes back to that record less the overlap, and the sink is asked from there', () => {
    const found = stepBack({ ...position, watermark: ahead }, agreed, start, OVERLAP);
    const watermark = hourAgo - OVERLAP;
    const place = { watermark, dedupeFrom: ahead, active: true };
    const { maxEventTime } = position;
    const perService = { directory: place, sso: place };
    expect(found?.position).toMatchObject({ watermark, maxEventTime, services: [], perService });
    expect(found?.steppedBack).toMatchObject({ from: formatSecond(ahead), to: formatSecond(watermark) });
  });

  it('of a single service, also of one that rests, goes back by itself', () => {
    const own = { watermark: ahead, dedupeFrom: hourAgo, active: false };
    const found = stepBack({ ...position, services: ['sso'], perService: { mdm: own } }, agreed, start, OVERLAP);
    const { mdm, sso } = found!.position.perService;
    expect(mdm).toEqual({ ...own, watermark: expect.any(Number), dedupeFrom: ahead });
    expect(mdm!.watermark).toBeLessThan(now / 1000);
    expect(sso!.watermark).toBe(hourAgo - OVERLAP);
  });

  it('beyond the year 9999, with newest record and origin as far, begins where a first run would', () => {
    const far = Date.parse('9999-12-30T23:59:59Z') / 1000;
    const damaged = { ...position, ownedFrom: far, watermark: far, maxEventTime: instantOfSecond(far) };
    const found = stepBack(damaged, agreed, start, OVERLAP)!.position;
    expect(found.ownedFrom).toBe(now / 1000 - DAY);
    expect(floorToSecond(found.maxEventTime)).toBe(now / 1000);
    expect(found.watermark).toBe(now / 1000 - OVERLAP);
  });

  it('after it was stepped back is in order, by the same clocks', () => {
    const second = fc.integer({ min: -20 * DAY, max: 20 * DAY });
    const away = fc.tuple(second, second, fc.boolean(), second, second);
    fc.assert(
      fc.property(away, ([local, server, confirmed, watermark, newest]) => {
        const at = (seconds: number) => Math.max(position.ownedFrom, now / 1000 + seconds);
        const clocks = reading(local, server, confirmed);
        const damaged = { ...position, watermark: at(watermark), maxEventTime: instantOfSecond(at(newest)) };
        const found = stepBack(damaged, clocks, start, OVERLAP);
        if (found === undefined) return;
        expect(stepBack(found.position, clocks, start, OVERLAP)).toBeUndefined();
      }),
      { seed: 20261128 },
    );
  });
});
