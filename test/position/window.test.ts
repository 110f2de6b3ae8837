import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { liveWindow, nextSlice, slices, watermarkAfter } from '../../collector/position/window.js';

const second = fc.integer({ min: 1_000_000_000, max: 4_000_000_000 });
const width = fc.integer({ min: -5, max: 1_000_000 });

describe('liveWindow', () => {
  it('never asks for an empty, inverted or future window, whatever the clocks say', () => {
    fc.assert(
      fc.property(second, second, width, width, (settled, now, slice, wider) => {
        const { start, end } = liveWindow(settled, now, slice, now, wider);
        expect(start).toBeLessThan(now);
        expect(start).toBeLessThanOrEqual(settled);
        if (end !== undefined) {
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThan(now);
        }
      }),
    );
  });

  it('leaves the end open when the lane is near the present', () => {
    expect(liveWindow(10_000, 11_800, 3600)).toEqual({ start: 10_000 });
  });

  it('closes the window while the lane is far behind', () => {
    expect(liveWindow(10_000, 100_000, 3600)).toEqual({ start: 10_000, end: 13_600 });
  });

  it('takes a wider slice while the lane is twice as far behind, and half of what is left after that', () => {
    expect(liveWindow(0, 100_000, 3600, 100_000, 14_400)).toEqual({ start: 0, end: 14_400 });
    expect(liveWindow(0, 20_001, 3600, 20_001, 14_400)).toEqual({ start: 0, end: 10_000 });
    expect(liveWindow(0, 7_200, 3600, 7_200, 14_400)).toEqual({ start: 0 });
  });

  it('reaches the present in finitely many closed windows, without a hole between them', () => {
    let settled = 0;
    const now = 90 * 86_400;
    for (let searches = 0; ; searches += 1) {
      const window = liveWindow(settled, now, 3600);
      expect(window.start).toBe(settled);
      if (window.end === undefined) break;
      settled = watermarkAfter(settled, window.end, now, 1800);
      expect(searches).toBeLessThan(90 * 24);
    }
    expect(now - settled).toBeLessThanOrEqual(2 * 3600);
  });
});

describe('nextSlice', () => {
  it('doubles up to a day where a slice brought few records', () => {
    const widths = [21_600];
    for (let i = 0; i < 3; i += 1) widths.push(nextSlice(widths.at(-1)!, 10, 1000, 21_600));
    expect(widths).toEqual([21_600, 43_200, 86_400, 86_400]);
  });

  it('stays where it brought enough, and is the narrowest again where it brought many', () => {
    expect(nextSlice(43_200, 1001, 1000, 21_600)).toBe(43_200);
    expect(nextSlice(43_200, 4001, 1000, 21_600)).toBe(21_600);
    // A search begins at a whole minute, up to 59 s before its slice.
    expect(nextSlice(86_459, 1001, 1000, 21_600)).toBe(86_400);
  });

  it('is never narrower than the narrowest, also where that is longer than a day', () => {
    expect(nextSlice(10_000, 10, 1000, 21_600)).toBe(21_600);
    expect(nextSlice(200_000, 10, 1000, 200_000)).toBe(200_000);
  });
});

describe('watermarkAfter', () => {
  it('never moves back', () => {
    fc.assert(
      fc.property(
        second,
        fc.option(second, { nil: undefined }),
        second,
        fc.nat(86_400),
        (settled, readTo, at, overlap) => {
          expect(watermarkAfter(settled, readTo, at, overlap)).toBeGreaterThanOrEqual(settled);
        },
      ),
    );
  });

  it('stays the overlap behind the moment at which the search began, so that a record late by less is not behind it', () => {
    expect(watermarkAfter(0, undefined, 10_000, 1800)).toBe(8200);
    expect(watermarkAfter(0, 9_999, 10_000, 1800)).toBe(8200);
  });

  it('stops at the last second read where a search broke off', () => {
    expect(watermarkAfter(0, 5_000, 10_000, 1800)).toBe(5_000);
  });

  it('does not move on a clock that stepped back', () => {
    expect(watermarkAfter(8_200, undefined, 5_000, 1800)).toBe(8_200);
  });
});

it('slices cover the range once and in order', () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(100_000), fc.integer({ min: 1, max: 5_000 }), (from, length, width) => {
      const windows = slices(from, from + length, width);
      // One assertion per range: there are up to 100,000 windows.
      const bounds = [from, ...windows.map(({ end }) => end ?? 0)];
      expect(windows.filter(({ start }, index) => start !== bounds[index])).toEqual([]);
      expect(windows.filter(({ start, end }) => !(end !== undefined && end > start))).toEqual([]);
      expect(bounds.at(-1)).toBe(from + length);
    }),
  );
});
