import fc from 'fast-check';
import { expect, it } from 'vitest';
import { floorToMillisecond, floorToSecond, formatInstant, parseInstant } from '../../mappings/instant.js';

it('orders instants by nanosecond, where their texts sort the other way round', () => {
  const whole = parseInstant('2026-01-01T00:00:42Z');
  const half = parseInstant('2026-01-01T00:00:42.5Z');
  expect('42Z' > '42.5Z').toBe(true);
  expect(whole! < half!).toBe(true);
});

it('reads and prints 0 to 9 fractional digits without loss', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1_000_000_000, max: 253_402_300_799 }),
      fc.integer({ min: 0, max: 999_999_999 }),
      (second, nanos) => {
        const instant = BigInt(second) * 1_000_000_000n + BigInt(nanos);
        expect(parseInstant(formatInstant(instant))).toBe(instant);
        expect(floorToSecond(instant)).toBe(second);
      },
    ),
  );
});

it.each([
  ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
  ['2026-01-01T00:00:00.1Z', '2026-01-01T00:00:00.1Z'],
  ['2026-01-01T00:00:00.120000000Z', '2026-01-01T00:00:00.12Z'],
  ['2026-01-01t02:00:00.123456789+02:00', '2026-01-01T00:00:00.123456789Z'],
  ['2025-12-31T19:00:00-05:00', '2026-01-01T00:00:00Z'],
  ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00Z'],
])('%s is the instant %s', (text, expected) => {
  expect(formatInstant(parseInstant(text)!)).toBe(expected);
});

it.each([
  '',
  'yesterday',
  '2026-02-30T00:00:00Z',
  '2025-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00.Z',
  '2026-01-01T00:00:00.1234567890Z',
  '2026-01-01T00:00:00Z\n',
  '1577836800',
])('%j is no instant', (text) => {
  expect(parseInstant(text)).toBeUndefined();
});

it.each([null, undefined, 0, 1577836800, {}, []])('%j is no instant', (value) => {
  expect(parseInstant(value)).toBeUndefined();
});

it('rounds to milliseconds towards the past, also before 1970', () => {
  expect(floorToMillisecond(parseInstant('2026-01-01T00:00:00.0019Z')!)).toBe(Date.UTC(2026, 0, 1) + 1);
  expect(floorToMillisecond(parseInstant('1969-12-31T23:59:59.9999Z')!)).toBe(-1);
});
