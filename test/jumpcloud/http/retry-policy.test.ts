import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultRetryPolicy, readRetryAfter, retryDelay } from '../../../collector/jumpcloud/http/retry-policy.js';

const now = Date.parse('2026-11-01T00:00:00Z');

describe('readRetryAfter', () => {
  it.each([
    ['7', 7_000],
    [' 7 ', 7_000],
    ['0.5', 500],
    ['Sun, 01 Nov 2026 00:01:30 GMT', 90_000],
    ['Sunday, 01-Nov-26 00:01:30 GMT', 90_000],
    ['315360000', 315_360_000_000],
    ['Fri, 01 Nov 2036 00:00:00 GMT', 315_619_200_000],
  ])('reads %j', (header, ms) => {
    expect(readRetryAfter(header, now)).toBe(ms);
  });

  it.each([
    undefined,
    '',
    '0',
    '-5',
    'soon',
    '1e3',
    '0x10',
    'Sat, 31 Oct 2026 00:00:00 GMT',
    'Infinity',
    'NaN',
    '2026',
  ])('finds nothing to honour in %j', (header) => {
    const ms = readRetryAfter(header, now);
    // A bare year is a number of seconds; everything else is nothing.
    expect(ms).toBe(header === '2026' ? 2_026_000 : undefined);
  });
});

describe('retryDelay', () => {
  it('lies in [0, base·2^(attempt-1)], never beyond the cap, on top of what was asked up to its cap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.option(fc.double({ min: 0, max: 1e15, noNaN: true }), { nil: undefined }),
        (attempt, random, asked) => {
          const { baseMs, capMs, retryAfterCapMs } = defaultRetryPolicy;
          const honoured = Math.min(asked ?? 0, retryAfterCapMs);
          const delay = retryDelay(defaultRetryPolicy, attempt, random, asked);
          expect(delay).toBeGreaterThanOrEqual(Math.floor(honoured));
          expect(delay).toBeLessThanOrEqual(Math.ceil(honoured + Math.min(capMs, baseMs * 2 ** (attempt - 1))));
        },
      ),
    );
  });

  it('uses the whole range: nothing at chance 0, nearly the bound at chance 1', () => {
    expect(retryDelay(defaultRetryPolicy, 3, 0, undefined)).toBe(0);
    expect(retryDelay(defaultRetryPolicy, 3, 0.999_999, undefined)).toBe(4_000);
    expect(retryDelay(defaultRetryPolicy, 99, 0.999_999, undefined)).toBe(30_000);
  });
});
