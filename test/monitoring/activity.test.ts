import { expect, it } from 'vitest';
import { Activity } from '../../collector/monitoring/activity.js';
import { LogRing } from '../../collector/monitoring/log-ring.js';
import { cursorAt, eventOf, report } from './observe-feed.js';

const start = Date.parse('2026-11-21T10:00:00Z');
const MINUTE = 60_000;

function activity() {
  const clock = { now: start };
  const opened = new Activity(() => clock.now);
  const live = { lane: 'live' } as const;
  return {
    clock,
    opened,
    open: () => opened.observer({ ...live, type: 'opened', cursor: cursorAt('2026-11-21T00:00:00Z'), resumed: true }),
    idle: () => opened.observer({ ...live, type: 'caughtUp', nextPollMs: MINUTE }),
    close: () => opened.observer({ ...live, type: 'closed' }),
    commit: (events: number, classUid = 3002) =>
      opened.observer({
        ...live,
        type: 'committed',
        ...report({
          counts: { records: events + 1, events, duplicates: 1 },
          events: Array.from({ length: events }, () => eventOf(classUid)),
        }),
      }),
    last: (series: string, buckets: number, range: '1h' | '90d' = '1h') =>
      opened.series(range).series[series]!.slice(-buckets),
  };
}

it('counts by the minute and by the hour, classes apart; a quiet minute is a zero', () => {
  const feed = activity();
  feed.open();
  feed.commit(3);
  feed.clock.now += 2 * MINUTE;
  feed.idle();
  feed.commit(2, 3004);
  expect(feed.last('events', 4)).toEqual([null, 3, 0, 2]);
  expect(feed.last('received', 3)).toEqual([4, 0, 3]);
  expect(feed.last('class:3002', 3)).toEqual([3, 0, 0]);
  expect(feed.last('class:3004', 3)).toEqual([0, 0, 2]);
  expect(feed.last('duplicates', 2, '90d')).toEqual([null, 2]);
  const { from, to, step, series } = feed.opened.series('24h');
  expect({ from, to, step }).toEqual({ from: '2026-11-20T10:03:00.000Z', to: '2026-11-21T10:03:00.000Z', step: 60 });
  expect(series.events).toHaveLength(1440);
});

it('keeps no more than its buckets once a clock that was a year ahead is right again', () => {
  const feed = activity();
  feed.open();
  feed.clock.now += 365 * 86_400_000;
  feed.commit(1);
  feed.clock.now -= 365 * 86_400_000;
  for (let day = 0; day < 6; day += 1) {
    feed.clock.now += 1440 * MINUTE;
    feed.commit(1);
  }
  const { minutes, hours } = feed.opened.store();
  expect([minutes, hours].map(({ rows }) => rows.length)).toEqual([1, 6]);
  expect(minutes.watched).toHaveLength(1);
});

it('leaves a gap where it did not run, and where JumpCloud could not be read', () => {
  const feed = activity();
  feed.open();
  feed.commit(1);
  feed.close();
  feed.clock.now += 3 * MINUTE;
  feed.open();
  feed.clock.now += MINUTE;
  expect(feed.last('events', 5)).toEqual([1, null, null, 0, 0]);
});

it('goes on from what it has stored, with the time between as a gap', () => {
  const before = activity();
  before.open();
  before.commit(5);
  before.clock.now += MINUTE;
  const stored = JSON.parse(JSON.stringify(before.opened.store()));
  const after = activity();
  after.clock.now += 4 * MINUTE;
  after.opened.restore(stored);
  after.open();
  after.commit(7);
  expect(after.last('events', 5)).toEqual([5, 0, null, null, 7]);
  expect(after.last('class:3002', 5)).toEqual([5, 0, null, null, 7]);
  expect(after.last('events', 1, '90d')).toEqual([12]);
});

it('forgets minutes after a day and hours after ninety, so that it does not grow', () => {
  const feed = activity();
  feed.open();
  for (let hour = 0; hour < 100 * 24; hour += 1) {
    feed.clock.now += 60 * MINUTE;
    feed.commit(1);
  }
  const { minutes, hours } = feed.opened.store();
  const buckets = ({ watched }: typeof minutes) => watched.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  expect([buckets(minutes), buckets(hours)]).toEqual([1440, 2160]);
});

it('keeps the last 500 lines of each feed by themselves', () => {
  const ring = new LogRing();
  const line = (feed: string | undefined, msg: string) =>
    ring.add({ level: 'info', time: '2026-11-21T10:00:00.000Z', msg, fields: { feed, lane: 'live' } });
  for (let index = 1; index <= 1_700; index += 1) line('acme', `line ${index}`);
  line(undefined, 'of the process');
  line('globex', 'first');
  const kept = ring.after('acme', 0);
  expect(kept).toHaveLength(500);
  expect(kept.at(-1)).toMatchObject({ id: 1_700, message: 'line 1700', fields: { lane: 'live' } });
  expect(ring.after('acme', 1_698).map(({ id }) => id)).toEqual([1_699, 1_700]);
  expect(ring.after('globex', 0)).toMatchObject([{ id: 1, message: 'first' }]);
  ring.forget('acme');
  expect(ring.after('acme', 0)).toEqual([]);
});
