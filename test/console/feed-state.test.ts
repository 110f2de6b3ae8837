import { expect, it } from 'vitest';
import { feedState } from '../../collector/console/feeds/feed-state.js';
import type { FeedView } from '../../collector/monitoring/status/feed-status.js';
import type { LaneState } from '../../collector/monitoring/status/lane-status.js';
import type { FeedRunState } from '../../collector/monitoring/status/supervision.js';
import type { SupervisedFeed } from '../../collector/runtime/supervisor.js';

const AT = '2026-11-29T12:00:00Z';

function feed(state: FeedRunState, lane: LaneState, differences: readonly (number | null)[]): SupervisedFeed {
  const position = { settled: AT, newest: AT, origin: AT };
  const lanes = [{ name: 'live', state: lane, since: AT, lastPoll: AT, lastCommit: AT, nextPoll: null, position }];
  const reconciliation = differences.map((difference) => ({ difference }));
  const view = { lanes, reconciliation, errors: [], key: null, noData: null } as unknown as FeedView;
  const rest = { failure: null, pause: null, retention: null, problems: [], manual: false };
  return { name: 'acme', state, since: AT, reason: null, view, ...rest } as unknown as SupervisedFeed;
}

it.each([
  ['running', 'collecting', 'missing', 'connected', 'warn', 'good'],
  ['running', 'failing', 'failing', 'failing', 'bad', 'bad'],
  ['running', 'blocked', 'blocked', 'blocked', 'bad', 'bad'],
  ['running', 'catching_up', 'syncing', 'syncing', 'warn', 'neutral'],
  ['paused', 'stopped', 'paused', 'paused', 'warn', 'neutral'],
  ['stopped', 'stopped', 'stopped', 'stopped', 'bad', 'bad'],
] as const)('a feed that is %s (%s) says how many records it misses, in every state', (state, lane, ...words) => {
  const [code, otherwise, tone, toneOtherwise] = words;
  const found = feedState(feed(state, lane, [null, 7, -3, 5]), Date.parse(AT));
  expect(found).toMatchObject({ code, tone, missing: 12 });
  const whole = feedState(feed(state, lane, [null, 0, -3]), Date.parse(AT));
  expect([whole.code, whole.tone, whole.missing]).toEqual([otherwise, toneOtherwise, undefined]);
});
