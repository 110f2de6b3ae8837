import { expect, it } from 'vitest';
import { type KeyTrigger, type KeyWarning, keyWarningEvent } from '../../mappings/key-warning.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { hasValidator, validate } from './validator.js';

const now = Date.UTC(2026, 9, 21, 12);
const triggers: readonly KeyTrigger[] = [
  ...[30, 14, 7, 3, 2, 1, 0].map((threshold) => ({ kind: 'expires', threshold }) as const),
  { kind: 'refused', since: '2026-10-21T12:00:00.000Z' },
  { kind: 'old_key', when: 'before', latest: now - 60_000, ip: '192.0.2.77' },
  { kind: 'old_key', when: 'after', latest: now - 60_000, ip: undefined },
];
const warning = (trigger: KeyTrigger, more: Partial<KeyWarning> = {}): KeyWarning => ({
  feed: 'acme',
  organization: '5f0000000000000000000001',
  fingerprint: '0123456789abcdef',
  lastFour: 'wxyz',
  credential: 'API key …wxyz',
  trigger,
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

it('every trigger becomes a valid Detection Finding with a uid of its own', () => {
  const events = triggers.flatMap((trigger) => [
    keyWarningEvent(warning(trigger), ocsfTarget),
    keyWarningEvent(
      warning(trigger, { feed: 'other', first: false, organization: undefined, expiresAt: undefined }),
      ocsfTarget,
    ),
  ]);
  expect(new Set(events.map(({ uid }) => uid)).size).toBe(events.length);
  if (!hasValidator()) return;
  const { total, errors } = validate(events.map(({ text }) => text));
  expect({ ...total, errors }).toMatchObject({ errors: {}, warnings: 0 });
});

it('the uid follows from feed, key and trigger alone, so that a repeated commit shows itself', () => {
  for (const trigger of triggers) {
    const first = keyWarningEvent(warning(trigger), ocsfTarget);
    const again = keyWarningEvent(
      warning(trigger, { now: now + 5_000, first: false, description: 'otherwise' }),
      ocsfTarget,
    );
    expect(again.uid).toBe(first.uid);
    expect(keyWarningEvent(warning(trigger, { fingerprint: 'fedcba9876543210' }), ocsfTarget).uid).not.toBe(first.uid);
  }
});

it('severity rises towards the end', () => {
  const severities = triggers.map((trigger) => JSON.parse(keyWarningEvent(warning(trigger), ocsfTarget).text).severity);
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
