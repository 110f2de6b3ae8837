import { expect, it } from 'vitest';
import { DedupeSet } from '../../collector/position/dedupe-set.js';
import { parseInstant } from '../../mappings/instant.js';

const at = (text: string) => parseInstant(text)!;
const uid = (number: number) => number.toString(16).padStart(16, '0').padEnd(32, '0');

it('a record is new once, and a repeat ever after', () => {
  const seen = new DedupeSet();
  expect(seen.add(uid(1), at('2026-01-01T00:00:00Z'))).toBe(true);
  expect(seen.add(uid(1), at('2026-01-01T00:00:00Z'))).toBe(false);
  expect(seen.add(uid(2), at('2026-01-01T00:00:00Z'))).toBe(true);
});

it('what was staged comes out once and brings a later run to the same memory', () => {
  const seen = new DedupeSet();
  seen.add(uid(1), at('2026-01-01T00:00:00Z'));
  seen.add(uid(2), at('2026-01-01T00:01:00.5Z'));
  const first = seen.takeStaged();
  seen.add(uid(3), at('2026-01-01T00:01:59.999999999Z'));
  const second = seen.takeStaged();
  expect(seen.takeStaged()).toEqual([]);
  expect(first).toHaveLength(2);
  expect(second).toEqual([{ minute: Date.UTC(2026, 0, 1, 0, 1) / 60_000, hashes: BigUint64Array.of(3n) }]);

  const later = new DedupeSet([...first, ...second]);
  expect(later.size).toBe(3);
  expect(later.add(uid(3), at('2026-01-01T00:01:59.999999999Z'))).toBe(false);
});

it('whole minutes are forgotten, and only those before the given one', () => {
  const seen = new DedupeSet();
  seen.add(uid(1), at('2026-01-01T00:00:59Z'));
  seen.add(uid(2), at('2026-01-01T00:01:00Z'));
  seen.evictBefore(Date.UTC(2026, 0, 1, 0, 1) / 60_000);
  expect(seen.size).toBe(1);
  expect(seen.add(uid(2), at('2026-01-01T00:01:00Z'))).toBe(false);
});
