import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFixtureRecords } from '../../fixtures/records.js';
import type { JsonObject } from '../../mappings/json.js';
import { lostLeaves } from './leaves.js';
import { event, finishedEvent, map } from './mapping.js';
import { hasValidator, validate } from './validator.js';

const fixtures = readFixtureRecords();

const toEvent = (record: JsonObject): JsonObject | undefined => {
  const outcome = map(record);
  return outcome.kind === 'event' ? (JSON.parse(outcome.event.text) as JsonObject) : undefined;
};

describe('the fixture records', () => {
  it('become the events stored next to them', () => {
    const different = fixtures.filter(({ path, value }) => {
      const expected = path.replace('.record.json', '.event.json');
      return !existsSync(expected) || readFileSync(expected, 'utf8') !== `${JSON.stringify(event(value), null, 2)}\n`;
    });
    expect(
      different.map(({ key }) => key),
      'Read the difference; where it is meant: npm run accept',
    ).toEqual([]);
  });

  it('become events in which the independent validator finds nothing', () => {
    if (!hasValidator()) return;
    const fetchedAt = Date.UTC(2026, 8, 20);
    const findings = validate(fixtures.map(({ value }) => finishedEvent(value, { rawData: true, fetchedAt }).text));
    expect(findings.first).toEqual([]);
    expect(findings.events).toBe(fixtures.length);
  });

  it('lose no leaf: every value of a record is in its event, mapped, unmapped or redacted', () => {
    const lost = fixtures.flatMap(({ key, value }) => lostLeaves(value, toEvent).map((leaf) => `${key}: ${leaf}`));
    expect(lost).toEqual([]);
  });

  it('would be reported by the search for lost leaves, if a mapper dropped one', () => {
    const [fixture] = fixtures.filter(({ key }) => key.startsWith('directory/user_login_attempt/'));
    const forgetful = (record: JsonObject): JsonObject | undefined => {
      const { unmapped: _dropped, ...rest } = toEvent(record) ?? {};
      return rest;
    };
    expect(lostLeaves(fixture!.value, forgetful)).toContain('geoip.timezone');
  });
});
