import { expect, it } from 'vitest';
import { type AuditRecord, activityEvent as eventOf } from '../../collector/console/activity-event.js';
import { ROUTES, type Route } from '../../collector/console/routes.js';
import { hasValidator, validate } from '../mappings/validator.js';

const activityEvent = (record: AuditRecord, number: number, installation: string) =>
  eventOf({ number, entry: JSON.parse(JSON.stringify(record)), position: { hash: `h${number}` } }, installation);

const record = (operation: string, method: string, more: Partial<AuditRecord> = {}): AuditRecord => ({
  time: '2026-11-28T12:00:00.000Z',
  actor: { name: 'ana', role: 'admin', kind: 'session' },
  session: '0123456789abcdef',
  address: '192.0.2.10',
  operation,
  method,
  path: '/api/v1/feeds/acme',
  target: { type: 'feed', name: 'acme' },
  status: 200,
  code: undefined,
  request: 'r_0123456789abcdef',
  changes: [{ path: 'poll.interval', from: '60s', to: '5m' }],
  details: { revision: 4 },
  ...more,
});

it('S18: every operation that changes something, done or refused, is a valid event with a uid of its own', () => {
  const changing = Object.entries<Route>(ROUTES).filter(([, { method }]) => method !== 'GET');
  const events = changing.flatMap(([operation, { method }], index) => [
    activityEvent(record(operation, method), index * 3, 'one'),
    activityEvent(
      record(operation, method, { status: 403, code: 'ROLE', session: undefined, target: undefined, changes: [] }),
      index * 3 + 1,
      'one',
    ),
    activityEvent(
      record(operation, method, { actor: { name: 'terraform', role: 'admin', kind: 'token' }, address: '::1' }),
      index * 3 + 2,
      'one',
    ),
  ]);
  expect(new Set(events.map(({ uid }) => uid)).size).toBe(events.length);
  const classes = new Set(events.map(({ classUid, eventCode }) => `${classUid} ${eventCode}`));
  expect(classes).toContain('3002 console.login');
  expect(classes).toContain('6003 console.putFeed');
  expect(activityEvent(record('putFeed', 'PUT'), 7, 'one').uid).toBe(
    activityEvent(record('putFeed', 'PUT'), 7, 'one').uid,
  );
  expect(activityEvent(record('putFeed', 'PUT'), 7, 'two').uid).not.toBe(
    activityEvent(record('putFeed', 'PUT'), 7, 'one').uid,
  );
  expect(
    JSON.parse(activityEvent(record('putFeed', 'PUT', { status: 412, code: 'STALE' }), 7, 'one').text),
  ).toMatchObject({
    api: { operation: 'putFeed', request: { uid: 'r_0123456789abcdef' }, response: { code: 412, error: 'STALE' } },
    http_request: { http_method: 'PUT', url: { path: '/api/v1/feeds/acme' } },
  });
  if (!hasValidator()) return;
  const found = validate(events.map(({ text }) => text));
  expect([found.events, found.total.errors, found.total.warnings, found.first]).toEqual([events.length, 0, 0, []]);
});
