import type { FeedView } from '../../monitoring/status/feed-status.js';
import type { LaneView } from '../../monitoring/status/lane-status.js';
import { LIVE_LANE } from '../../position/lane-name.js';
import type { SupervisedFeed } from '../../runtime/supervisor.js';
import { type FeedState, STATES, type StateCode } from '../state-words.js';

/** A key that ends within so many days is worth a word. */
const KEY_ENDS_SOON_DAYS = 30;

/**
 * The state of a feed, judged by its data: connected is what has read and has committed. Records that are missing are said
 * in every state: who pauses a feed, or waits for JumpCloud, still has them to fetch.
 * @param now epoch milliseconds
 */
export function feedState(feed: SupervisedFeed, now: number): FeedState {
  const found = supervised(feed, now);
  const missing = missingOf(feed.view) ?? 0;
  if (missing === 0) return found;
  return { ...found, tone: found.tone === 'bad' ? 'bad' : STATES.missing.tone, missing };
}

function supervised(feed: SupervisedFeed, now: number): FeedState {
  const { failure, pause, retention, since } = feed;
  switch (feed.state) {
    case 'invalid': {
      const [first] = feed.problems;
      return state('invalid', { since, reason: first === undefined ? '' : `${first.where}: ${first.message}` });
    }
    case 'stopped':
      return failure === null
        ? state('stopped', { since, ...(feed.reason === null ? {} : { reason: feed.reason }) })
        : state('stopped', { since: failure.at, reason: failure.message, cure: failure.cure, error: failure.code });
    case 'paused':
      return state('paused', {
        since,
        ...(pause === null ? {} : { since: pause.since, by: pause.by, reason: pause.reason }),
        ...(pause?.until === undefined ? {} : { until: pause.until }),
        ...(retention === null ? {} : { runBefore: retention.deadline }),
      });
    case 'stopping':
    case 'starting':
      return state(feed.state, { since });
    case 'running':
      return running(feed, now);
  }
}

function running({ view, manual, retention, since }: SupervisedFeed, now: number): FeedState {
  const lane = liveLane(view);
  if (view === null || lane === undefined || lane.state === 'starting') return state('starting', { since });
  if (lane.state === 'failing' || lane.state === 'blocked') {
    const failure = view.errors.findLast((error) => error.lane === lane.name && lane.reason.startsWith(error.code));
    return state(lane.state, {
      since: lane.since,
      reason: failure?.message ?? lane.reason,
      ...(failure === undefined ? {} : { cure: failure.cure, error: failure.code }),
      ...(lane.nextPoll === null ? {} : { nextTry: lane.nextPoll }),
    });
  }
  // Found out between two polls, a refusal holds the next one back: the lane itself has not met it yet.
  if (view.key?.refused === true)
    return state('failing', {
      since: lane.since,
      reason: `JumpCloud refuses the key …${view.key.lastFour}`,
      cure: view.key.rotation,
      error: 'CREDENTIAL_REFUSED',
    });
  if (manual)
    return state('manual', {
      since: lane.since,
      ...(lane.lastPoll === null ? {} : { lastRun: lane.lastPoll }),
      ...(retention === null ? {} : { runBefore: retention.deadline }),
    });
  if (lane.state === 'stopped') return state('stopped', { since: lane.since, reason: lane.reason });
  if (lane.state === 'catching_up') return syncing(lane, now);
  if (lane.lastPoll === null || (lane.lastCommit === null && lane.position === null))
    return state('starting', { since });
  return connected(view, lane, now);
}

function syncing(lane: LaneView, now: number): FeedState {
  if (lane.position === null) return state('syncing', { since: lane.since });
  const [settled, origin] = [Date.parse(lane.position.settled), Date.parse(lane.position.origin)];
  const progress = now > origin ? Math.min(1, Math.max(0, (settled - origin) / (now - origin))) : 1;
  const spent = (now - Date.parse(lane.since)) / 1000;
  const left = progress > 0.02 && spent > 5 ? { secondsLeft: Math.round((spent * (1 - progress)) / progress) } : {};
  return state('syncing', { since: lane.since, readUpTo: lane.position.settled, progress, ...left });
}

function connected(view: FeedView, lane: LaneView, now: number): FeedState {
  if ((missingOf(view) ?? 0) > 0) return state('missing', { since: lane.since });
  if (view.noData !== null)
    return state('silent', {
      since: view.noData.since,
      silentSeconds: Math.round((now - Date.parse(view.noData.since)) / 1000),
      silenceLimitSeconds: view.noData.thresholdSeconds,
    });
  const days = view.key?.daysLeft ?? null;
  if (days !== null && days <= KEY_ENDS_SOON_DAYS) return state('keyEnding', { since: lane.since, keyDaysLeft: days });
  return state('connected', { since: lane.since });
}

/** Records that JumpCloud counts and that were neither delivered nor explained; null: never compared. */
export function missingOf(view: FeedView | null): number | null {
  const known = (view?.reconciliation ?? []).flatMap(({ difference }) => (difference === null ? [] : [difference]));
  if (known.length === 0) return null;
  return known.reduce((sum, difference) => sum + Math.max(0, difference), 0);
}

export function liveLane(view: FeedView | null): LaneView | undefined {
  return view?.lanes.find(({ name }) => name === LIVE_LANE);
}

function state(code: StateCode, facts: Omit<FeedState, 'code' | 'tone'>): FeedState {
  return { code, tone: STATES[code].tone, ...facts };
}
