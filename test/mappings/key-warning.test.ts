import { expect, it } from 'vitest';
import { type KeyOccasion, type KeyWarning, keyWarningEvent } from '../../mappings/key-warning.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { hasValidator, validate } from './validator.js';

const now = Date.UTC(2026, 9, 21, 12);
const occasions: readonly KeyOccasion[] = [
  ...[30, 14, 7, 3, 2, 1, 0].map((threshold) => ({ kind: 'expires', threshold }) as const),
  { kind: 'refused', since: '2026-10-21T12:00:00.000Z' },
  { kind: 'old_key', when: 'before', latest: now - 60_000, ip: '192.0.2.77' },
  { kind: 'old_key', when: 'after', latest: now - 60_000, ip: undefined },
];
const warning = (occasion: KeyOccasion, more: Partial<KeyWarning> = {}): KeyWarning => ({
  feed: 'acme',
  organization: '5f0000000000000000000001',
  fingerprint: '0123456789abcdef',
  lastFour: 'wxyz',
  credential: 'API key …wxyz',
  occasion,
  first: true,
  expiresAt: now + 86_400_000,
  description: 'expires in 1 day, on 2026-10-22',
  basis: 'The configuration says so.',
  cure: 'Make another key.',
  consequence: 'Nothing is collected',
  now,
  mapper: { name: 'jumpcloud-ocsf', version: '0.0.0' },
  ...more,
});

it('every occasion becomes a valid Detection Finding with a uid of its own', () => {
  const events = occasions.flatMap((occasion) => [
    keyWarningEvent(warning(occasion), ocsfTarget),
    keyWarningEvent(
      warning(occasion, { feed: 'other', first: false, organization: undefined, expiresAt: undefined }),
      ocsfTarget,
    ),
  ]);
  expect(new Set(events.map(({ uid }) => uid)).size).toBe(events.length);
  if (!hasValidator()) return;
  const { total, errors } = validate(events.map(({ text }) => text));
  expect({ ...total, errors }).toMatchObject({ errors: {}, warnings: 0 });
});

it('the uid follows from feed, key and occasion alone, so that a repeated commit shows itself', () => {
  for (const occasion of occasions) {
    const first = keyWarningEvent(warning(occasion), ocsfTarget);
    const again = keyWarningEvent(
      warning(occasion, { now: now + 5_000, first: false, description: 'otherwise' }),
      ocsfTarget,
    );
    expect(again.uid).toBe(first.uid);
    expect(keyWarningEvent(warning(occasion, { fingerprint: 'fedcba9876543210' }), ocsfTarget).uid).not.toBe(first.uid);
  }
});

it('severity rises towards the end', () => {
  const severities = occasions.map(
    (occasion) => JSON.parse(keyWarningEvent(warning(occasion), ocsfTarget).text).severity,
  );
  expect(severities).toEqual([
    'Low',
    'Medium',
    'Medium',
    'High',
    'High',
    'High',
    'Critical',
    'Critical',
    'Low',
    'High',
  ]);
});
