import { expect, it } from 'vitest';
import { readFixtureRecords } from '../../fixtures/records.js';
import { keyWarningEvent } from '../../mappings/key-warning.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { map } from './mapping.js';

const tags = [{ name: 'AccountName', value: 'Acme "Corporation" <é>' }];
const accountName = tags[0]!.value;

it('the account name is a tag of each event, of every class, and no part of its identity', () => {
  const classes = new Set<number>();
  for (const { value: record } of readFixtureRecords()) {
    const [plain, tagged] = [map(record), map(record, { accountName })];
    if (plain.kind !== 'event' || tagged.kind !== 'event') {
      expect(tagged).toEqual(plain);
      continue;
    }
    classes.add(tagged.event.classUid);
    expect(tagged.event.uid).toBe(plain.event.uid);
    const [before, after] = [plain, tagged].map(({ event }) => JSON.parse(event.text));
    expect(before.metadata.tags).toBeUndefined();
    expect(after).toEqual({ ...before, metadata: { ...before.metadata, tags } });
  }
  expect(classes.size).toBeGreaterThan(7);
});

it('the collector’s own warning about a key carries it too', () => {
  const warning = keyWarningEvent(
    {
      feed: 'acme',
      organization: undefined,
      fingerprint: '0123456789abcdef',
      lastFour: 'abcd',
      credential: 'API key …abcd',
      trigger: { kind: 'expires', threshold: 7 },
      first: true,
      expiresAt: undefined,
      description: 'expires in 7 days',
      basis: 'As declared.',
      cure: 'Renew it.',
      consequence: 'Nothing is collected',
      now: Date.parse('2026-11-28T00:00:00Z'),
      mapper: { name: 'jumpcloud-ocsf', version: '0.0.0' },
      accountName,
    },
    ocsfTarget,
  );
  expect(JSON.parse(warning.text).metadata.tags).toEqual(tags);
});
