import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acceptCount,
  blocks,
  type CountLedger,
  endOf,
  expectedCount,
  extended,
  forServices,
  fromStored,
  isOneHour,
  middleOf,
  spansFrom,
  spansOfHour,
  toStored,
  trimmed,
  withReread,
} from '../../collector/reconcile/minute-counts.js';

const empty: CountLedger = { services: ['sso'], spans: [] };
const minutes = (...pairs: [number, number][]) => new Map(pairs);

describe('a ledger that follows a position', () => {
  it('takes in each minute with what the search has shown of it, silence as zero', () => {
    const ledger = extended(empty, 10, 13, { start: 0, end: 13, minutes: minutes([10, 4], [12, 7]) });
    expect(ledger.spans.map(({ length }) => length)).toEqual([4, 0, 7]);
    expect(expectedCount(ledger.spans)).toBe(11);
  });

  it('shows a range that no search has read as never read, not as silence', () => {
    const read = extended(empty, 10, 12, { start: 10, end: 12, minutes: minutes([10, 1]) });
    const jumped = extended(read, 10, 16, { start: 14, end: 16, minutes: minutes([14, 2]) });
    expect(jumped.spans.map(({ length }) => length)).toEqual([1, 0, undefined, undefined, 2, 0]);
    expect(expectedCount(jumped.spans)).toBeUndefined();
  });

  it('does not go back with a position that does not move', () => {
    const ledger = extended(empty, 10, 12, { start: 10, end: 12, minutes: minutes() });
    expect(extended(ledger, 10, 11, { start: 10, end: 11, minutes: minutes([10, 9]) })).toEqual(ledger);
  });
});

describe('a difference', () => {
  const ledger = extended(empty, 0, 4, { start: 0, end: 4, minutes: minutes([0, 1], [1, 2], [2, 3], [3, 4]) });

  it('is settled over the range that was read, and expected from then on', () => {
    const after = acceptCount(withReread(ledger, { start: 1, end: 3, minutes: minutes([1, 2], [2, 5]) }), 1, 3, 9);
    expect(after.spans).toHaveLength(3);
    expect(expectedCount(after.spans)).toBe(1 + 9 + 4);
    expect(expectedCount(spansFrom(after, 1).slice(0, 1))).toBe(9);
  });

  it('of nothing leaves the minutes as they are', () => {
    expect(acceptCount(ledger, 1, 3, 5)).toBe(ledger);
  });

  it('cannot be measured in half of a span', () => {
    const joined = acceptCount(ledger, 1, 3, 9);
    expect(() => withReread(joined, { start: 2, end: 4, minutes: minutes() })).toThrow(RangeError);
  });
});

describe('keeping it small', () => {
  it('joins old minutes to hours and forgets what is out of reach, and loses no count by it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { minLength: 1, maxLength: 400 }), fc.nat(400), (counts, fine) => {
        const read = { start: 0, end: counts.length, minutes: new Map(counts.entries()) };
        const ledger = extended(empty, 0, counts.length, read);
        const small = trimmed(ledger, 0, fine);
        expect(expectedCount(small.spans)).toBe(expectedCount(ledger.spans));
        expect(endOf(small)).toBe(endOf(ledger));
        for (const [index, span] of small.spans.entries()) {
          expect(span.end - span.start).toBeLessThanOrEqual(60);
          if (index > 0) expect(span.start).toBe(small.spans[index - 1]!.end);
          if (span.start >= fine) expect(span.end - span.start).toBe(1);
        }
      }),
    );
  });

  it('joins within hours of the clock, wherever the feed began', () => {
    const read = { start: 17, end: 300, minutes: minutes([20, 1], [80, 2], [170, 3]) };
    const ledger = trimmed(extended(empty, 17, 300, read), 0, 240);
    expect(ledger.spans.slice(0, 5).map(({ start, end }) => [start, end])).toEqual([
      [17, 60],
      [60, 120],
      [120, 180],
      [180, 240],
      [240, 241],
    ]);
    expect(spansOfHour(ledger, 0)).toBeUndefined();
    expect(expectedCount(spansOfHour(ledger, 2)!)).toBe(3);
    expect(spansOfHour(ledger, 4)).toHaveLength(60);
    expect(spansOfHour(ledger, 5)).toBeUndefined();
  });

  it('three days with two fine hours take less than five kilobytes', () => {
    const minutes = 3 * 1440;
    const read = { start: 0, end: minutes, minutes: new Map(Array.from({ length: minutes }, (_, n) => [n, 1666])) };
    const ledger = trimmed(extended(empty, 0, minutes, read), 0, minutes - 180);
    expect(JSON.stringify(toStored(ledger)).length).toBeLessThan(5_000);
  });
});

describe('stored with the position', () => {
  it('comes back as it was', () => {
    const mixed = acceptCount(
      extended(extended(empty, 5, 8, { start: 5, end: 8, minutes: minutes([6, 3]) }), 5, 10, {
        start: 9,
        end: 10,
        minutes: minutes([9, 2]),
      }),
      5,
      7,
      4,
    );
    expect(fromStored(JSON.parse(JSON.stringify(toStored(mixed))))).toEqual(mixed);
  });

  it('is built again where it is damaged', () => {
    for (const damaged of [
      undefined,
      null,
      7,
      {},
      { services: [], start: 1 },
      { services: [], start: 1, spans: [-1] },
    ]) {
      expect(fromStored(damaged)).toBeUndefined();
    }
    expect(fromStored({ services: ['sso'], start: 1, spans: [[0, 1, 0]] })).toBeUndefined();
  });
});

it('a range is halved at an hour of the clock where one lies in it', () => {
  const { spans } = extended(empty, 50, 200, { start: 50, end: 200, minutes: minutes() });
  expect(spans[middleOf(spans)]!.start).toBe(120);
  expect(spans[middleOf(spans.slice(0, 12))]!.start).toBe(60);
  expect(middleOf(spans.slice(20, 30))).toBe(5);
  expect([spans.slice(0, 10), spans.slice(0, 11), spans.slice(10, 70)].map(isOneHour)).toEqual([true, false, true]);
});

it('counts of other services are never compared', () => {
  const ledger = extended(empty, 0, 100, { start: 0, end: 100, minutes: minutes([1, 1]) });
  expect(forServices(ledger, ['sso'])).toBe(ledger);
  const changed = forServices(ledger, ['sso', 'radius']);
  expect(changed.spans).toHaveLength(100);
  expect(changed.spans.every(({ length }) => length === undefined)).toBe(true);
});

it('blocks adjoin and stay within their width', () => {
  const ledger = extended(empty, 0, 100, { start: 0, end: 100, minutes: minutes() });
  const spans = ledger.spans.filter(({ start }) => start < 20 || start >= 50);
  expect(blocks(spans, 15).map((block) => [block[0]!.start, block.at(-1)!.end])).toEqual([
    [0, 15],
    [15, 20],
    [50, 65],
    [65, 80],
    [80, 95],
    [95, 100],
  ]);
});
