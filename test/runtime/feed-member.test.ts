import { expect, it } from 'vitest';
import type { ConfiguredFeed } from '../../collector/config/configured-feed.js';
import { loadConfig } from '../../collector/config/load-config.js';
import { CollectorError } from '../../collector/errors.js';
import { retentionOf, retentionWarning } from '../../collector/monitoring/retention.js';
import { FeedMember } from '../../collector/runtime/feed-member.js';
import { files } from '../config/files.js';
import { virtualTime } from '../pipeline/virtual-time.js';

const DAY = 86_400_000;
const start = Date.parse('2026-11-28T12:00:00Z');

function configured(yaml: string): ConfiguredFeed {
  const feed = loadConfig({ env: {}, readFile: files({}) }).readFeed('acme', yaml, 'acme.yaml');
  if (!('config' in feed)) throw new Error('invalid');
  return feed;
}

/** A member whose runs end when the test says so. */
function member(yaml = '') {
  const time = virtualTime(start);
  const stopping = new AbortController();
  const runs: { signal: AbortSignal; feed: ConfiguredFeed; end: (failure?: CollectorError) => void }[] = [];
  const states: string[] = [];
  const one = new FeedMember(configured(yaml), undefined, {
    clock: time,
    signal: stopping.signal,
    retention: () => undefined,
    onChange: (changed) => states.push(changed.view().state),
    launch: (feed, signal, onOpen) => {
      queueMicrotask(onOpen);
      let end: (failure?: CollectorError) => void = () => undefined;
      const ended = new Promise<CollectorError | undefined>((resolve) => {
        end = resolve;
      });
      runs.push({ signal, feed, end });
      return { ended, repairs: () => undefined, wake() {}, describe() {}, reloadCredential() {} };
    },
  });
  return { one, runs, states, stopping, time };
}

it('a sink that hangs does not hang a stop: after five seconds it is said to be stopping, and the rest follows by itself', async () => {
  const { one, runs, time } = member();
  one.begin();
  expect(await one.apply(configured('poll: { interval: 5m }\n'))).toBe('stopping');
  expect(time.now() - start).toBe(5_000);
  expect(one.view()).toMatchObject({ state: 'stopping' });
  expect(runs[0]!.signal.aborted).toBe(true);
  expect(await one.apply(configured('poll: { interval: 6m }\n'))).toBe('stopping');
  runs[0]!.end();
  await new Promise((resolve) => setImmediate(resolve));
  expect(
    runs.map(({ feed }) => feed.config.poll.intervalMs),
    'what was asked for last',
  ).toEqual([60_000, 360_000]);
  expect(await one.remove('removed')).toBe('stopping');
  expect(one.isRemoved).toBe(true);
  runs[1]!.end();
  await new Promise((resolve) => setImmediate(resolve));
  expect(one.isRunning).toBe(false);
  expect(runs).toHaveLength(2);
});

it('a change of what describes it restarts nothing; a feed that ended by itself says why, and starts with the next change', async () => {
  const { one, runs } = member();
  one.begin();
  expect(await one.apply(configured('description: Logins\nowners: [SOC]\n'))).toBe('live');
  expect(await one.apply(configured('description: Logins\nowners: [SOC]\n'))).toBe('unchanged');
  runs[0]!.end(new CollectorError('ORGANIZATION_CHANGED', 'another organization', { cure: 'Put the old key back.' }));
  await new Promise((resolve) => setImmediate(resolve));
  expect(one.exitCode).toBe(78);
  expect(one.view()).toMatchObject({
    state: 'stopped',
    failure: { code: 'ORGANIZATION_CHANGED', cure: 'Put the old key back.' },
  });
  expect(await one.apply(configured('jumpcloud: { apiKey: another }\n'))).toBe('started');
  expect(one.view()).toMatchObject({ failure: null });
  expect(runs).toHaveLength(2);
});

it('an invalid file leaves a run alone, and a feed without one is invalid until it is corrected', async () => {
  const { one, runs } = member();
  const problems = [{ where: 'acme.yaml:3', message: 'poll.intervall is not a key' }];
  const source = { kind: 'file', where: 'acme.yaml' } as const;
  one.begin();
  one.invalidate({ name: 'acme', source, problems });
  expect(one.view()).toMatchObject({ problems });
  expect(runs[0]!.signal.aborted).toBe(false);
  expect(await one.apply(configured(''))).toBe('unchanged');
  expect(one.view().problems).toEqual([]);
  const stop = one.stop('by hand');
  runs[0]!.end();
  expect(await stop).toBe('stopped');
  one.invalidate({ name: 'acme', source, problems });
  expect([one.view().state, one.exitCode]).toEqual(['invalid', 78]);
  expect(await one.apply(configured(''))).toBe('started');
});

it('a pause outlives a change, which is in force once it is resumed; resumed while it stops, it starts again', async () => {
  const { one, runs } = member();
  one.begin();
  const pausing = one.pauseNow({ by: 'ana', since: '2026-11-28T12:00:00.000Z', reason: 'change of keys' });
  runs[0]!.end();
  expect(await pausing).toBe('paused');
  expect(await one.apply(configured('poll: { interval: 5m }\n'))).toBe('paused');
  expect(one.view()).toMatchObject({ state: 'paused', pause: { by: 'ana', reason: 'change of keys' } });
  expect(one.resume()).toBe('started');
  expect(runs[1]!.feed.config.poll.intervalMs).toBe(300_000);
  const again = one.pauseNow({ by: 'ana', since: '2026-11-28T12:00:00.000Z', reason: 'again' });
  expect(one.resume()).toBe('stopping');
  runs[1]!.end();
  await again;
  expect(one.view().state).toBe('running');
  expect(runs).toHaveLength(3);
});

it('nothing is started once the process ends', async () => {
  const { one, runs, stopping } = member();
  one.begin();
  const changing = one.apply(configured('poll: { interval: 5m }\n'));
  stopping.abort();
  runs[0]!.end();
  await changing;
  expect([one.view().state, runs.length]).toEqual(['stopped', 1]);
});

it('is warned of once at 14, 7, 3 and 1 days before JumpCloud forgets, and once when it does', () => {
  const warned: (number | undefined)[] = [];
  for (let day = 0, last: number | undefined; day <= 95; day += 0.5) {
    const days = retentionWarning(retentionOf(start, start + day * DAY), last);
    if (days !== undefined) warned.push(days);
    last = days ?? last;
  }
  expect(warned).toEqual([14, 7, 3, 1, 0]);
  expect(retentionOf(start, start + 80.5 * DAY)).toEqual({
    readUpTo: '2026-11-28T12:00:00.000Z',
    deadline: '2027-02-26T12:00:00.000Z',
    daysLeft: 9,
  });
});
