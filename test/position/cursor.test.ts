import { expect, it } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import { advanceCursor } from '../../collector/position/advance-cursor.js';
import {
  type Cursor,
  firstCursor,
  noCounts,
  selectServices,
  serviceOwnedFrom,
} from '../../collector/position/cursor.js';
import {
  decodeCursor,
  encodeCursor,
  isStoredCursor,
  type StoredCursor,
} from '../../collector/position/cursor-codec.js';
import { groupOf, groupsToPoll } from '../../collector/position/service-groups.js';
import { changeStored } from './stored-cursor.js';

const secondOf = (text: string) => Date.parse(text) / 1000;
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
const poll = (cursor: Cursor, services: string[], now = NOW) => groupsToPoll(cursor.position, services, now);

it('a stored cursor comes back as it was stored, byte by byte, and anything else is not taken for one', () => {
  const place = { settled: '2026-05-31T08:00:00Z', rememberedFrom: '2026-05-30T08:00:00Z', active: false };
  const refused = { code: 'X', message: 'no', since: '2026-05-31T08:00:00.123Z', retryAt: '2026-06-01T08:00:00.123Z' };
  const changes = {
    origins: { mdm: '2026-05-31T08:00:00Z' },
    newest: '2026-05-31T09:00:00.123456789Z',
    behind: { mdm: place, sso: { ...place, refused } },
    memory: { keys: { a: 1 }, tally: null },
    organization: 'org-1',
    committedAt: '2026-06-01T00:00:00.042Z',
  };
  for (const stored of [encodeCursor(first), { ...encodeCursor(first), ...changes }]) {
    expect(isStoredCursor(stored)).toBe(true);
    const text = JSON.stringify(encodeCursor(decodeCursor(stored)));
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(stored)));
    expect(JSON.stringify(encodeCursor(decodeCursor(JSON.parse(text) as StoredCursor)))).toBe(text);
  }
  const stored = encodeCursor(first);
  const damaged = { behind: { sso: {} } };
  for (const value of [
    null,
    1,
    'x',
    [],
    {},
    { ...stored, version: 2 },
    { ...stored, settled: 'soon' },
    { ...stored, ...damaged },
    { ...stored, committedAt: 'soon' },
    { ...stored, committedAt: undefined },
    { ...stored, behind: { sso: { ...place, refused: { ...refused, since: undefined } } } },
    { ...stored, behind: { sso: { ...place, refused: { ...refused, retryAt: '2026-13-01T08:00:00Z' } } } },
    { ...stored, behind: { sso: { ...place, refused: 'yes' } } },
    { ...stored, behind: { sso: null } },
  ])
    expect(isStoredCursor(value)).toBe(false);
});

it('a newly selected service starts at poll.start with an origin of its own, and joins the others when it has caught up', () => {
  const start = secondOf('2026-05-31T12:00:00Z');
  const { cursor, started } = selectServices(first, ['directory', 'sso', 'radius'], start);
  expect(started).toEqual(['radius']);
  expect(serviceOwnedFrom(cursor, 'radius')).toBe(start);
  expect(serviceOwnedFrom(cursor, 'sso')).toBe(first.position.ownedFrom);
  const groups = poll(cursor, ['directory', 'sso', 'radius']);
  expect(groups.map(({ services, isPrimary }) => [services, isPrimary])).toEqual([
    [['directory', 'sso'], true],
    [['radius'], false],
  ]);
  const read = { services: groups[1]!.services, watermark: secondOf('2026-05-31T20:00:00Z'), caughtUp: true };
  const { position } = advanceCursor(cursor, { read }, noCounts, NOW);
  expect(position.services).toEqual(['directory', 'sso', 'radius']);
  expect(position.perService).toEqual({});
  expect(position.watermark).toBe(first.position.watermark);
});

it('a service that is selected again goes on where it was left', () => {
  const moving = changeStored(first, { settled: '2026-05-31T08:00:00Z' });
  const left = selectServices(moving, ['directory'], secondOf('2026-05-31T00:00:00Z')).cursor;
  expect(left.position.services).toEqual(['directory']);
  const later = changeStored(left, { settled: '2026-06-01T08:00:00Z' });
  const { cursor, started } = selectServices(later, ['directory', 'sso'], secondOf('2026-06-01T00:00:00Z'));
  expect(started).toEqual([]);
  expect(groupOf(cursor.position, ['sso'])).toEqual({
    services: ['sso'],
    watermark: secondOf('2026-05-31T08:00:00Z'),
    isPrimary: false,
  });
});

it('a refused service is set aside for a day, and asked alone after it', () => {
  const refusal = new CollectorError('NOT_LICENSED', '402 from JumpCloud', { cure: 'license it' });
  const cursor = advanceCursor(first, { refused: new Map([['sso', refusal]]) }, noCounts, NOW);
  expect(cursor.position.services).toEqual(['directory']);
  expect(poll(cursor, ['directory', 'sso']).map(({ services }) => services)).toEqual([['directory']]);
  const nextDay = poll(cursor, ['directory', 'sso'], NOW + 24 * 3_600_000);
  expect(nextDay.map(({ services }) => services)).toEqual([['directory'], ['sso']]);
  const read = { services: nextDay[1]!.services, watermark: secondOf('2026-05-31T01:00:00Z') };
  const answering = advanceCursor(cursor, { read }, noCounts, NOW);
  expect(encodeCursor(answering).behind.sso).toEqual({
    settled: '2026-05-31T01:00:00Z',
    rememberedFrom: '2026-05-31T00:00:00Z',
    active: true,
  });
});
