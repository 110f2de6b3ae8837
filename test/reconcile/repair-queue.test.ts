import { expect, it, vi } from 'vitest';
import { systemClock } from '../../collector/clock.js';
import { openLive } from '../../collector/pipeline/open-live-lane.js';
import { decodeCursor, encodeCursor } from '../../collector/position/cursor-codec.js';
import { movePosition } from '../../collector/position/reposition.js';
import { RepairQueue } from '../../collector/reconcile/repair-queue.js';
import { compare, type FeedUnderTest, feedFor, HOUR, noon, tenantFor } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

vi.setConfig({ testTimeout: 120_000 });

const signal = new AbortController().signal;
const start = (now: number) => now - 8 * 3600;
const range = { from: (noon - 4 * HOUR) / 1000, to: (noon - 2 * HOUR) / 1000 };

/** A feed that has caught up, and then records that became visible too late, all of one second. */
async function feedWithGap(sink: MemorySink, late: number): Promise<FeedUnderTest & { check(): Promise<void> }> {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 600, from: noon - 6 * HOUR, to: noon });
  const feed = feedFor(tenant, sink, time, { start, batchSize: 30 }, { pageSize: 20 });
  await feed.once();
  for (let index = 0; index < late; index += 1)
    tenant.add({
      id: String(index).padStart(24, '0'),
      service: 'directory',
      event_type: 'user_login_attempt',
      organization: tenant.organization,
      timestamp: new Date(noon - 3 * HOUR).toISOString(),
      success: true,
    });
  const check = async () =>
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ missing: 0, repeated: 0, unknown: 0 });
  return { ...feed, check };
}

it('a repair whose time is over after every page comes to its end, however many records are of one second', async () => {
  const feed = await feedWithGap(new MemorySink(), 200);
  const lane = await openLive(feed.settings, feed.parts);
  const repairs = new RepairQueue(feed.settings, { ...feed.parts, clock: systemClock });
  repairs.attach(lane);
  expect(repairs.ask(range)).toMatchObject({ state: 'asked', minutes: 120, minutesRead: 0 });
  const read: number[] = [];
  while (repairs.queue.isPending) {
    await repairs.run(lane, systemClock.monotonic() + 1, signal);
    read.push(repairs.view!.minutesRead);
  }
  expect(read.length, 'it was read in pieces').toBeGreaterThan(5);
  expect(read).toEqual(read.toSorted((one, other) => one - other));
  expect(repairs.view).toMatchObject({ state: 'done', minutesRead: 120, found: 200, failures: 0, error: null });
  await lane.close();
  await feed.check();
});

it('a repair goes on with the lane that is opened again after a commit whose outcome is unknown', async () => {
  const sink = new MemorySink();
  const feed = await feedWithGap(sink, 100);
  let lane = await openLive(feed.settings, feed.parts);
  const repairs = new RepairQueue(feed.settings, { ...feed.parts, clock: systemClock });
  repairs.attach(lane);
  repairs.ask(range);
  let commits = 0;
  sink.fate = () => {
    commits += 1;
    return commits === 3 || commits === 5 ? 'in_doubt' : 'kept';
  };
  let broken = 0;
  while (repairs.queue.isPending) {
    await repairs.run(lane, systemClock.monotonic() + 60_000, signal).catch(async (error) => {
      expect(error).toMatchObject({ code: 'SINK_UNAVAILABLE' });
      broken += 1;
      repairs.attach(undefined);
      expect(repairs.ask(range), 'nobody can ask meanwhile').toMatchObject({ refused: 'now' });
      await lane.close();
      lane = await openLive(feed.settings, feed.parts);
      repairs.attach(lane);
    });
  }
  expect(broken).toBe(2);
  expect(repairs.view).toMatchObject({ state: 'done', error: null });
  await lane.close();
  await feed.check();
});

it('a repair of a sink that cannot tell what it holds is refused, and one under way ends as failed with the feed', async () => {
  const feed = await feedWithGap(new MemorySink(500, false), 1);
  const lane = await openLive(feed.settings, feed.parts);
  const repairs = new RepairQueue(feed.settings, { ...feed.parts, clock: systemClock });
  repairs.attach(lane);
  expect(repairs.ask(range)).toMatchObject({ refused: 'range', message: expect.stringContaining('cannot tell') });
  await lane.close();
  const telling = await feedWithGap(new MemorySink(), 1);
  const other = await openLive(telling.settings, telling.parts);
  repairs.attach(other);
  expect(repairs.ask(range)).toMatchObject({ state: 'asked' });
  repairs.close();
  expect(repairs.view).toMatchObject({ state: 'failed', error: { code: 'REPAIR_BROKEN_OFF' } });
  await other.close();
});

it('a repair under way waits while the lane reads again from an earlier position, and then goes on', async () => {
  const sink = new MemorySink();
  const feed = await feedWithGap(sink, 20);
  const repairs = new RepairQueue(feed.settings, { ...feed.parts, clock: systemClock });
  let lane = await openLive(feed.settings, feed.parts);
  repairs.attach(lane);
  expect(repairs.ask(range)).toMatchObject({ state: 'asked' });
  await lane.close();
  const before = sink.commits.at(-1)!;
  sink.tamper('live', (stored) =>
    encodeCursor(movePosition(decodeCursor(stored), noon / 1000 - 3600, noon, true).cursor),
  );
  lane = await openLive(feed.settings, feed.parts);
  repairs.attach(lane);
  await repairs.run(lane, systemClock.monotonic() + 60_000, signal);
  expect(repairs.view).toMatchObject({ state: 'asked', failures: 0, error: null });
  await lane.close();
  sink.tamper('live', () => encodeCursor(before));
  lane = await openLive(feed.settings, feed.parts);
  repairs.attach(lane);
  await repairs.run(lane, systemClock.monotonic() + 60_000, signal);
  expect(repairs.view).toMatchObject({ state: 'done', found: 20 });
  await lane.close();
});
