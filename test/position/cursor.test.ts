import { expect, test } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import {
  type Cursor,
  firstCursor,
  isCursor,
  originOf,
  secondOf,
  selectServices,
} from '../../collector/position/cursor.js';
import { groupOf, groupsToPoll, joined, moved, setAside } from '../../collector/position/service-groups.js';

const NOW = Date.UTC(2026, 5, 1);
const first = firstCursor({
  feed: 'acme',
  lane: 'live',
  organization: undefined,
  baseUrl: 'https://api.jumpcloud.com/insights/directory/v1',
  start: secondOf('2026-05-31T00:00:00Z'),
  services: ['directory', 'sso'],
  now: NOW,
});
const poll = (cursor: Cursor, services: string[], now = NOW) => groupsToPoll(cursor, services, now);

test('a cursor survives JSON, and anything else is not taken for one', () => {
  expect(isCursor(JSON.parse(JSON.stringify(first)))).toBe(true);
  for (const value of [null, 1, 'x', [], {}, { ...first, version: 2 }, { ...first, settled: 'soon' }]) {
    expect(isCursor(value)).toBe(false);
  }
});

test('a newly selected service starts at poll.start with an origin of its own, and joins the others when it has caught up', () => {
  const start = secondOf('2026-05-31T12:00:00Z');
  const { cursor, started } = selectServices(first, ['directory', 'sso', 'radius'], start);
  expect(started).toEqual(['radius']);
  expect(originOf(cursor, 'radius')).toBe(start);
  expect(originOf(cursor, 'sso')).toBe(secondOf(first.origin));
  const groups = poll(cursor, ['directory', 'sso', 'radius']);
  expect(groups.map(({ services, main }) => [services, main])).toEqual([
    [['directory', 'sso'], true],
    [['radius'], false],
  ]);
  const after = { ...cursor, ...joined(cursor, groups[1]!, secondOf('2026-05-31T20:00:00Z')) };
  expect(after.services).toEqual(['directory', 'sso', 'radius']);
  expect(after.behind).toEqual({});
  expect(after.settled).toBe(first.settled);
});

test('a service that is selected again goes on where it was left', () => {
  const moving = { ...first, settled: '2026-05-31T08:00:00Z' };
  const left = selectServices(moving, ['directory'], secondOf('2026-05-31T00:00:00Z')).cursor;
  expect(left.services).toEqual(['directory']);
  const later = { ...left, settled: '2026-06-01T08:00:00Z' };
  const { cursor, started } = selectServices(later, ['directory', 'sso'], secondOf('2026-06-01T00:00:00Z'));
  expect(started).toEqual([]);
  expect(groupOf(cursor, ['sso'])).toEqual({
    services: ['sso'],
    settled: secondOf('2026-05-31T08:00:00Z'),
    main: false,
  });
});

test('a refused service is set aside for a day, and asked alone after it', () => {
  const refusal = new CollectorError('NOT_LICENSED', '402 from JumpCloud', { cure: 'license it' });
  const group = poll(first, ['directory', 'sso'])[0]!;
  const cursor = { ...first, ...setAside(first, group, new Map([['sso', refusal]]), NOW) };
  expect(cursor.services).toEqual(['directory']);
  expect(poll(cursor, ['directory', 'sso']).map(({ services }) => services)).toEqual([['directory']]);
  const nextDay = poll(cursor, ['directory', 'sso'], NOW + 24 * 3_600_000);
  expect(nextDay.map(({ services }) => services)).toEqual([['directory'], ['sso']]);
  const answering = { ...cursor, ...moved(cursor, nextDay[1]!, secondOf('2026-05-31T01:00:00Z')) };
  expect(answering.behind.sso).toEqual({
    settled: '2026-05-31T01:00:00Z',
    rememberedFrom: '2026-05-31T00:00:00Z',
    active: true,
  });
});
