import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClockReading } from '../../collector/clock.js';
import { type Cursor, firstCursor, noCounts, secondOf } from '../../collector/position/cursor.js';
import { stepBack } from '../../collector/position/step-back.js';
import { formatSecond } from '../../mappings/instant.js';

const now = Date.UTC(2026, 10, 20, 12);
const DAY = 86_400;
const OVERLAP = 1_800;
const hourAgo = formatSecond(now / 1000 - 3600);
const ahead = formatSecond(now / 1000 + 4 * DAY);
const start = (at: number) => at - DAY;

const cursor: Cursor = {
  ...firstCursor({
    feed: 'acme',
    lane: 'live',
    organization: undefined,
    baseUrl: 'https://api.jumpcloud.com/insights/directory/v1',
    start: now / 1000 - 10 * DAY,
    services: ['directory', 'sso'],
    now,
  }),
  settled: formatSecond(now / 1000 - OVERLAP),
  newest: hourAgo,
  counts: { ...noCounts, records: 3, events: 3 },
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
    expect(stepBack(cursor, agreed, start, OVERLAP)).toBeUndefined();
    const behindRecords = { ...cursor, settled: ahead, newest: ahead };
    expect(stepBack(behindRecords, reading(-400 * DAY, 4 * DAY, true), start, OVERLAP)).toBeUndefined();
    expect(stepBack(behindRecords, reading(-400 * DAY, undefined, false), start, OVERLAP)).toBeUndefined();
  });

  it('that a configuration has set to a day to come is left alone', () => {
    const future = { ...cursor, origin: ahead, settled: ahead, newest: ahead };
    expect(stepBack(future, agreed, () => secondOf(ahead), OVERLAP)).toBeUndefined();
  });

  it('is not accused by a time that is not confirmed', () => {
    expect(stepBack(cursor, reading(0, -10 * DAY, false), start, OVERLAP)).toBeUndefined();
  });

  it('beyond the newest record and both clocks goes back to that record less the overlap, and the sink is asked from there', () => {
    const found = stepBack({ ...cursor, settled: ahead }, agreed, start, OVERLAP);
    const settled = formatSecond(now / 1000 - 3600 - OVERLAP);
    const place = { settled, rememberedFrom: ahead, active: true };
    expect(found).toMatchObject({ settled, newest: hourAgo, services: [], behind: { directory: place, sso: place } });
    expect(found?.steppedBack).toMatchObject({ from: ahead, to: settled });
  });

  it('of a single service, also of one that rests, goes back by itself', () => {
    const own = { settled: ahead, rememberedFrom: hourAgo, active: false };
    const found = stepBack({ ...cursor, services: ['sso'], behind: { mdm: own } }, agreed, start, OVERLAP);
    expect(found?.behind.mdm).toEqual({ ...own, settled: expect.any(String), rememberedFrom: ahead });
    expect(secondOf(found?.behind.mdm?.settled ?? ahead)).toBeLessThan(now / 1000);
    expect(found?.behind.sso?.settled).toBe(formatSecond(now / 1000 - 3600 - OVERLAP));
  });

  it('beyond the year 9999, with newest record and origin as far, begins where a first run would', () => {
    const far = '9999-12-30T23:59:59Z';
    const found = stepBack({ ...cursor, origin: far, settled: far, newest: far }, agreed, start, OVERLAP);
    expect(found).toMatchObject({ origin: formatSecond(now / 1000 - DAY), newest: formatSecond(now / 1000) });
    expect(secondOf(found!.settled)).toBe(now / 1000 - OVERLAP);
  });

  it('after it was stepped back is in order, by the same clocks', () => {
    const second = fc.integer({ min: -20 * DAY, max: 20 * DAY });
    const away = fc.tuple(second, second, fc.boolean(), second, second);
    fc.assert(
      fc.property(away, ([local, server, confirmed, settled, newest]) => {
        const at = (seconds: number) => formatSecond(Math.max(secondOf(cursor.origin), now / 1000 + seconds));
        const clocks = reading(local, server, confirmed);
        const damaged = { ...cursor, settled: at(settled), newest: at(newest) };
        const found = stepBack(damaged, clocks, start, OVERLAP);
        if (found === undefined) return;
        const { steppedBack: _, ...place } = found;
        expect(stepBack({ ...damaged, ...place }, clocks, start, OVERLAP)).toBeUndefined();
      }),
      { seed: 20261128 },
    );
  });
});
