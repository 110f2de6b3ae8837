import { expect, it } from 'vitest';
import { RecentRecords } from '../../collector/position/recent-records.js';
import type { JsonObject } from '../../mappings/json.js';
import { readHeader } from '../../mappings/record.js';

const base = { service: 'radius', event_type: 'radius_auth_attempt', id: 'a', timestamp: '2026-11-03T11:00:00Z' };
const note = (recent: RecentRecords, value: JsonObject, isRepeat: boolean) => {
  const received = { text: JSON.stringify(value), value, depth: 1 };
  return recent.note(received, readHeader(received), isRepeat);
};

it('a repeat with another text is a variant once for each text; the same text is none', () => {
  const recent = new RecentRecords();
  expect(note(recent, base, false)).toBeUndefined();
  expect(note(recent, base, true)).toBeUndefined();
  const grown = { ...base, count: 2 };
  expect([grown, base, grown].map((value) => note(recent, value, true))).toEqual(['variant', undefined, undefined]);
  expect(note(recent, { ...base, count: 3 }, true)).toBe('variant');
});

it('an id that another record had is reported with each new record, not with repeats', () => {
  const recent = new RecentRecords();
  note(recent, base, false);
  const next = { ...base, success: true };
  expect(note(recent, next, false)).toBe('reusedId');
  expect(note(recent, next, true)).toBeUndefined();
  expect(note(recent, { ...next, service: 'sso' }, false)).toBeUndefined();
});

it('after a restart the first reading of a repeat is no variant', () => {
  expect(note(new RecentRecords(), { ...base, count: 2 }, true)).toBeUndefined();
});

it('reports reach no further back than the limit, and are never wrong about what has left', () => {
  const recent = new RecentRecords(9);
  const records = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ ...base, id }));
  for (const record of records) note(recent, record, false);
  for (let round = 0; round < 3; round += 1)
    expect(records.map((record) => note(recent, record, true))).toEqual(records.map(() => undefined));
  expect(note(recent, { ...base, success: true }, false)).toBeUndefined();
  expect(note(recent, { ...base, id: 'e', success: true }, false)).toBe('reusedId');
});

it('records without an id are not reported', () => {
  const recent = new RecentRecords();
  const { id: _, ...idless } = base;
  expect([note(recent, idless, false), note(recent, { ...idless, n: 1 }, false)]).toEqual([undefined, undefined]);
});
