import { expect, test } from 'vitest';
import { calledFromBehind, Identities } from '../../collector/position/record-identity.js';
import type { JsonValue } from '../../mappings/json.js';
import type { ReceivedRecord } from '../../mappings/record.js';

const received = (value: JsonValue): ReceivedRecord => ({ text: JSON.stringify(value), value, depth: 1 });
const timed = (id: string) => received({ id, service: 'sso', timestamp: '2026-11-03T12:00:00Z' });
const nameless = received({});

function uidsOf(records: readonly ReceivedRecord[]): string[] {
  const identities = new Identities();
  return records.map((record) => identities.headerOf(record).uid);
}

test('equal texts with a time and without an id are told apart by their number, the same in every search', () => {
  const twin = received({ service: 'sso', timestamp: '2026-11-03T12:00:00Z' });
  const [first, second] = uidsOf([twin, twin]);
  expect(first).not.toBe(second);
  expect(uidsOf([twin, twin])).toEqual([first, second]);
});

test('a record without id and time keeps its name though the window has moved on, as long as its neighbour is shown', () => {
  const all = uidsOf([timed('a'), nameless, timed('b'), nameless, nameless]);
  expect(new Set(all).size).toBe(5);
  expect(uidsOf([timed('b'), nameless, nameless])).toEqual(all.slice(2));
});

test('at the very start of a window it is known by the record after it', () => {
  const before = [timed('a'), nameless, timed('b')];
  const after = [nameless, timed('b')];
  const names = (records: ReceivedRecord[]) => {
    const identities = new Identities();
    return calledFromBehind(
      records,
      records.map((record) => identities.headerOf(record)),
    );
  };
  expect(names(after).get(0)).toBe(names(before).get(1));
  expect(uidsOf(after)).not.toContain(names(after).get(0));
});
