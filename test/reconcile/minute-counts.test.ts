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

const empty: CountLedger = { services: ['sso'], cells: [] };
const minutes = (...pairs: [number, number][]) => new Map(pairs);

describe('a grid that follows a position', () => {
  it('takes in each minute with what the search has shown of it, silence as zero', () => {
    const grid = extended(empty, 10, 13, { start: 0, end: 13, minutes: minutes([10, 4], [12, 7]) });
    expect(grid.cells.map(({ length }) => length)).toEqual([4, 0, 7]);
    expect(expectedCount(grid.cells)).toBe(11);
  });

  it('shows a stretch that no search has read as never read, not as silence', () => {
    const read = extended(empty, 10, 12, { start: 10, end: 12, minutes: minutes([10, 1]) });
    const jumped = extended(read, 10, 16, { start: 14, end: 16, minutes: minutes([14, 2]) });
    expect(jumped.cells.map(({ length }) => length)).toEqual([1, 0, undefined, undefined, 2, 0]);
    expect(expectedCount(jumped.cells)).toBeUndefined();
  });

  it('does not go back with a position that does not move', () => {
    const grid = extended(empty, 10, 12, { start: 10, end: 12, minutes: minutes() });
    expect(extended(grid, 10, 11, { start: 10, end: 11, minutes: minutes([10, 9]) })).toEqual(grid);
  });
});

describe('a difference', () => {
  const grid = extended(empty, 0, 4, { start: 0, end: 4, minutes: minutes([0, 1], [1, 2], [2, 3], [3, 4]) });

  it('is settled over the stretch that was read, and expected from then on', () => {
    const after = acceptCount(withReread(grid, { start: 1, end: 3, minutes: minutes([1, 2], [2, 5]) }), 1, 3, 9);
    expect(after.cells).toHaveLength(3);
    expect(expectedCount(after.cells)).toBe(1 + 9 + 4);
    expect(expectedCount(spansFrom(after, 1).slice(0, 1))).toBe(9);
  });

  it('of nothing leaves the minutes as they are', () => {
    expect(acceptCount(grid, 1, 3, 5)).toBe(grid);
  });

  it('cannot be measured in half of a cell', () => {
    const joined = acceptCount(grid, 1, 3, 9);
    expect(() => withReread(joined, { start: 2, end: 4, minutes: minutes() })).toThrow(RangeError);
  });
});

describe('keeping it small', () => {
  it('joins old minutes to hours and forgets what is out of reach, and loses no count by it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { minLength: 1, maxLength: 400 }), fc.nat(400), (counts, fine) => {
        const read = { start: 0, end: counts.length, minutes: new Map(counts.entries()) };
        const grid = extended(empty, 0, counts.length, read);
        const small = trimmed(grid, 0, fine);
        expect(expectedCount(small.cells)).toBe(expectedCount(grid.cells));
        expect(endOf(small)).toBe(endOf(grid));
        for (const [index, cell] of small.cells.entries()) {
          expect(cell.end - cell.start).toBeLessThanOrEqual(60);
          if (index > 0) expect(cell.start).toBe(small.cells[index - 1]!.end);
          if (cell.start >= fine) expect(cell.end - cell.start).toBe(1);
        }
      }),
    );
  });

  it('joins within hours of the clock, wherever the feed began', () => {
    const read = { start: 17, end: 300, minutes: minutes([20, 1], [80, 2], [170, 3]) };
    const grid = trimmed(extended(empty, 17, 300, read), 0, 240);
    expect(grid.cells.slice(0, 5).map(({ start, end }) => [start, end])).toEqual([
      [17, 60],
      [60, 120],
      [120, 180],
      [180, 240],
      [240, 241],
    ]);
    expect(spansOfHour(grid, 0)).toBeUndefined();
    expect(expectedCount(spansOfHour(grid, 2)!)).toBe(3);
    expect(spansOfHour(grid, 4)).toHaveLength(60);
    expect(spansOfHour(grid, 5)).toBeUndefined();
  });

  it('three days with two fine hours take less than five kilobytes', () => {
    const minutes = 3 * 1440;
    const read = { start: 0, end: minutes, minutes: new Map(Array.from({ length: minutes }, (_, n) => [n, 1666])) };
    const grid = trimmed(extended(empty, 0, minutes, read), 0, minutes - 180);
    expect(JSON.stringify(toStored(grid)).length).toBeLessThan(5_000);
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
      { services: [], start: 1, cells: [-1] },
    ]) {
      expect(fromStored(damaged)).toBeUndefined();
    }
    expect(fromStored({ services: ['sso'], start: 1, cells: [[0, 1, 0]] })).toBeUndefined();
  });
});

it('a stretch is halved at an hour of the clock where one lies in it', () => {
  const { cells } = extended(empty, 50, 200, { start: 50, end: 200, minutes: minutes() });
  expect(cells[middleOf(cells)]!.start).toBe(120);
  expect(cells[middleOf(cells.slice(0, 12))]!.start).toBe(60);
  expect(middleOf(cells.slice(20, 30))).toBe(5);
  expect([cells.slice(0, 10), cells.slice(0, 11), cells.slice(10, 70)].map(isOneHour)).toEqual([true, false, true]);
});

it('counts of other services are never compared', () => {
  const grid = extended(empty, 0, 100, { start: 0, end: 100, minutes: minutes([1, 1]) });
  expect(forServices(grid, ['sso'], 40)).toBe(grid);
  const changed = forServices(grid, ['sso', 'radius'], 40);
  expect(changed.cells).toHaveLength(60);
  expect(changed.cells.every(({ length }) => length === undefined)).toBe(true);
});

it('blocks adjoin and stay within their width', () => {
  const grid = extended(empty, 0, 100, { start: 0, end: 100, minutes: minutes() });
  const cells = grid.cells.filter(({ start }) => start < 20 || start >= 50);
  expect(blocks(cells, 15).map((block) => [block[0]!.start, block.at(-1)!.end])).toEqual([
    [0, 15],
    [15, 20],
    [50, 65],
    [65, 80],
    [80, 95],
    [95, 100],
  ]);
});
