import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  daysLeft,
  describeLife,
  dueWarning,
  type KeyFacts,
  keyLife,
  WARNING_DAYS,
} from '../../collector/key-expiry/lifetime.js';
import { MS_PER_DAY } from '../../mappings/time-units.js';

const NOW = Date.UTC(2026, 10, 21, 12);
const facts = (over: Partial<KeyFacts>): KeyFacts => ({
  told: undefined,
  declared: { created: undefined, expires: undefined, lifetime: 90 * MS_PER_DAY },
  firstSeen: NOW - 5 * MS_PER_DAY,
  ...over,
});

describe('the end of a key is known from', () => {
  it('what JumpCloud says, before all else', () => {
    const life = keyLife(
      facts({
        told: { createdAt: NOW - MS_PER_DAY, expiresAt: NOW + 3 * MS_PER_DAY },
        declared: { created: NOW, expires: NOW + 80 * MS_PER_DAY, lifetime: 90 * MS_PER_DAY },
      }),
    );
    expect(life).toMatchObject({ basis: 'jumpcloud', certain: true });
    expect(daysLeft(life, NOW)).toBe(3);
  });

  it('the day of creation that JumpCloud names, plus the declared lifetime', () => {
    const life = keyLife(facts({ told: { createdAt: NOW - 77 * MS_PER_DAY, expiresAt: undefined } }));
    expect(life.basis).toBe('jumpcloud');
    expect(daysLeft(life, NOW)).toBe(13);
  });

  it('what the operator declared', () => {
    const created = facts({
      declared: { created: NOW - 77 * MS_PER_DAY, expires: undefined, lifetime: 90 * MS_PER_DAY },
    });
    expect(daysLeft(keyLife(created), NOW)).toBe(13);
    expect(describeLife(keyLife(created), NOW)).toBe('expires in 13 days, on 2026-12-04');
    const never = facts({ declared: { created: undefined, expires: 'never', lifetime: 90 * MS_PER_DAY } });
    expect(describeLife(keyLife(never), NOW)).toBe('does not expire');
    const old = facts({ declared: { created: NOW - 400 * MS_PER_DAY, expires: undefined, lifetime: 'never' } });
    expect(keyLife(old).expiresAt).toBeUndefined();
  });

  it('the first day it was seen, as an upper bound that says so', () => {
    const life = keyLife(facts({}));
    expect(life).toMatchObject({ basis: 'first_seen', certain: false });
    expect(describeLife(life, NOW)).toBe('expires in 85 days at the latest, on 2027-02-14; it may be sooner');
  });
});

it('each warning is given once, however often the clock is asked and whenever the collector restarts', () => {
  const life = keyLife(
    facts({ declared: { created: undefined, expires: NOW + 40 * MS_PER_DAY, lifetime: 90 * MS_PER_DAY } }),
  );
  const given: number[] = [];
  let warned: number | undefined;
  for (let now = NOW; now < NOW + 50 * MS_PER_DAY; now += MS_PER_DAY / 24) {
    const due = dueWarning(life, now, warned);
    if (due !== undefined) {
      given.push(due);
      warned = due;
    }
  }
  expect(given).toEqual([...WARNING_DAYS]);
});

it('a key first seen with 13 days left is warned of once, for 14 days', () => {
  const life = keyLife(
    facts({ declared: { created: NOW - 77 * MS_PER_DAY, expires: undefined, lifetime: 90 * MS_PER_DAY } }),
  );
  expect(dueWarning(life, NOW, undefined)).toBe(14);
  expect(dueWarning(life, NOW, 14)).toBeUndefined();
  expect(dueWarning(life, NOW + 6 * MS_PER_DAY, 14)).toBe(7);
});

it('a clock that steps back warns of nothing again', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100, max: 100 }), fc.integer({ min: 0, max: 100 }), (left, back) => {
      const life = keyLife(facts({ declared: { created: undefined, expires: NOW, lifetime: 'never' } }));
      const now = NOW - left * MS_PER_DAY;
      const warned = dueWarning(life, now, undefined);
      if (warned !== undefined) expect(dueWarning(life, now - back * MS_PER_DAY, warned)).toBeUndefined();
    }),
  );
});
