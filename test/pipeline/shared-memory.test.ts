import { expect, it, vi } from 'vitest';
import { planBackfill } from '../../collector/backfill/plan.js';
import { runBackfill } from '../../collector/backfill/run.js';
import { MemoryBudget } from '../../collector/pipeline/memory-budget.js';
import { compare, type FeedUnderTest, feedFor, HOUR, MINUTE, noon, tenantFor } from './feed-under-test.js';
import { type CommitFate, MemorySink } from './memory-sink.js';
import { standingClock } from './standing-clock.js';
import { virtualTime } from './virtual-time.js';

// Many feeds in one process: seconds on an idle machine, a minute on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const equal = { missing: 0, repeated: 0, unknown: 0 };
const settle = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** A sink whose commits wait until `go`. */
function stallingSink() {
  const sink = new MemorySink();
  let go = () => {};
  const going = new Promise<void>((resolve) => {
    go = resolve;
  });
  let stalled = 0;
  return {
    sink,
    /** Lets the commits so far, and those to come, through. */
    go,
    stalled: () => stalled,
    /** From now on commits of these lanes wait. */
    stall(isStalled: (lane: string) => boolean) {
      sink.fate = async ({ cursor }): Promise<CommitFate> => {
        if (!isStalled(cursor.lane)) return 'kept';
        stalled += 1;
        await going;
        return 'kept';
      };
    },
  };
}

function watchMost(feed: FeedUnderTest, memory: MemoryBudget, most: { bytes: number; waiting: number }) {
  feed.watch(() => {
    most.bytes = Math.max(most.bytes, memory.bytes);
    most.waiting = Math.max(most.waiting, memory.waiting);
  });
}

it('feeds that catch up at the same time hold no more than the budget together, and lose and repeat nothing', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 600, from: noon - 5 * HOUR, to: noon });
  const memory = new MemoryBudget(2_000_000, standingClock());
  const most = { bytes: 0, waiting: 0 };
  const sinks = Array.from({ length: 5 }, () => new MemorySink());
  await Promise.all(
    sinks.map((sink) => {
      const feed = feedFor(tenant, sink, time, { memory, start: (now) => now - 6 * 3600 }, { pageSize: 50 });
      watchMost(feed, memory, most);
      return feed.once();
    }),
  );
  for (const sink of sinks)
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 600, ...equal });
  expect(most.waiting).toBeGreaterThan(1);
  expect(most.bytes).toBeGreaterThan(memory.limit / 2);
  expect(most.bytes).toBeLessThanOrEqual(memory.limit);
  expect(memory.bytes).toBe(0);
});

it('batches grow with the budget and shrink with the number of lanes that catch up', async () => {
  const commits = async (budget: number, others: number) => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 1_500, from: noon - 5 * HOUR, to: noon });
    const memory = new MemoryBudget(budget, standingClock());
    const signal = new AbortController().signal;
    for (let other = 0; other < others; other += 1) await memory.reserve(1, 'bulk', signal);
    const sink = new MemorySink(100_000);
    await feedFor(
      tenant,
      sink,
      time,
      { memory, batchSize: 100_000, start: (now) => now - 6 * 3600 },
      { pageSize: 50 },
    ).once();
    return sink.commits.length;
  };
  const [small, usual, crowded] = [
    await commits(2_000_000, 0),
    await commits(8_000_000, 0),
    await commits(8_000_000, 40),
  ];
  expect(usual).toBeLessThan(small);
  expect(crowded).toBeGreaterThan(usual);
});

it('a page larger than the whole budget goes through, and leaves nothing behind', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 600, from: noon - 5 * HOUR, to: noon });
  const memory = new MemoryBudget(1_000, standingClock());
  const sinks = [new MemorySink(), new MemorySink()];
  await Promise.all(
    sinks.map((sink) => feedFor(tenant, sink, time, { memory, start: (now) => now - 6 * 3600 }).once()),
  );
  for (const sink of sinks)
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 600, ...equal });
  expect(memory.bytes).toBe(0);
});

it('a feed whose sink stalls stops no other: it holds its share, and the others go on', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 600, from: noon - 5 * HOUR, to: noon });
  const memory = new MemoryBudget(8_000_000, standingClock());
  const change = { memory, start: (now: number) => now - 6 * 3600 };
  const broken = stallingSink();
  const stalledFeed = feedFor(tenant, broken.sink, time, change, { pageSize: 50 });
  // The commit that fixes the origin goes through.
  let first = true;
  broken.stall(() => {
    const passes = first;
    first = false;
    return !passes;
  });
  const stalledRun = stalledFeed.once();
  await vi.waitFor(() => expect(broken.stalled()).toBe(1), { timeout: 60_000 });
  await settle();
  const sink = new MemorySink();
  await feedFor(tenant, sink, time, change, { pageSize: 50 }).once();
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 600, ...equal });
  expect(broken.stalled()).toBe(1);
  expect(memory.bytes).toBeGreaterThan(0);
  broken.go();
  await stalledRun;
  expect(await compare(tenant.ledger, broken.sink.texts())).toMatchObject({ expected: 600, ...equal });
  expect(memory.bytes).toBe(0);
});

it('feeds whose sinks stall and hold all the budget are waited for half a minute, no longer', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 600, from: noon - 5 * HOUR, to: noon });
  const clock = standingClock();
  const memory = new MemoryBudget(1_000_000, clock);
  const change = { memory, start: (now: number) => now - 6 * 3600 };
  const stalling = Array.from({ length: 4 }, stallingSink);
  for (const one of stalling) {
    let commits = 0;
    one.stall(() => {
      commits += 1;
      return commits > 1;
    });
  }
  const runs = stalling.map(({ sink }) => feedFor(tenant, sink, time, change, { pageSize: 50 }).once());
  await vi.waitFor(() => expect(memory.waiting).toBeGreaterThan(0), { timeout: 60_000 });
  const sink = new MemorySink();
  let ended = false;
  const run = feedFor(tenant, sink, time, change, { pageSize: 50 })
    .once()
    .finally(() => {
      ended = true;
    });
  while (!ended) {
    await settle();
    await clock.pass(1_000);
  }
  await run;
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 600, ...equal });
  for (const one of stalling) one.go();
  while (memory.bytes > 0 || memory.waiting > 0) {
    await settle();
    await clock.pass(1_000);
  }
  await Promise.all(runs);
  for (const one of stalling)
    expect(await compare(tenant.ledger, one.sink.texts())).toMatchObject({ expected: 600, ...equal });
});

it('a commit that fails, a source that fails and an abort leave nothing reserved', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, {
    records: 600,
    from: noon - 5 * HOUR,
    to: noon,
    script: [{ when: { page: 7, times: 1 }, effect: { kind: 'status', status: 404 } }],
  });
  const memory = new MemoryBudget(4_000_000, standingClock());
  const change = { memory, start: (now: number) => now - 6 * 3600 };
  const sink = new MemorySink();
  await expect(feedFor(tenant, sink, time, change, { pageSize: 50 }).once()).rejects.toMatchObject({
    code: 'BASE_URL_WRONG',
  });
  expect(memory.bytes).toBe(0);
  sink.fate = (_, number) => (number % 2 === 0 ? 'in_doubt' : 'lost');
  await expect(feedFor(tenant, sink, time, change, { pageSize: 50 }).once()).rejects.toMatchObject({
    transient: true,
  });
  await settle();
  expect(memory).toMatchObject({ bytes: 0, waiting: 0 });
  sink.fate = () => 'kept';
  await feedFor(tenant, sink, time, change, { pageSize: 50 }).once();
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 600, ...equal });
  expect(memory).toMatchObject({ bytes: 0, waiting: 0 });
});

it('a live lane keeps up with its interval while a backfill of the same process holds all that it may', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 1_500, from: noon - 48 * HOUR, to: noon + 2 * HOUR });
  const memory = new MemoryBudget(4_000_000, standingClock());
  const { sink: slow, stall, go, stalled } = stallingSink();
  const change = { memory, start: (now: number) => now - 1800 };
  const other = feedFor(tenant, slow, time, change, { pageSize: 50 });
  await other.once();
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, change, { pageSize: 50 });
  await feed.once();
  const range = { from: (noon - 48 * HOUR) / 1000, to: noon / 1000 };
  const { ranges } = await planBackfill(range, other.settings, other.parts);
  stall((lane) => lane.startsWith('backfill'));
  const backfill = runBackfill(ranges[0]!, other.settings, other.parts, new AbortController().signal, () => undefined);
  await vi.waitFor(() => expect(stalled()).toBe(1), { timeout: 60_000 });
  const lags: number[] = [];
  feed.watch((event) => {
    if (event.type === 'caughtUp') lags.push(time.world() - sink.commits.at(-1)!.committedAt);
  });
  const polls = feed.told.polls;
  await feed.until(time.world() + HOUR);
  expect(feed.told.polls - polls).toBeGreaterThan(40);
  expect(Math.max(...lags)).toBeLessThan(2 * MINUTE);
  expect(feed.told.failures).toEqual([]);
  go();
  await backfill;
  expect(memory.bytes).toBe(0);
});

it('backfills at the same time never wait for each other, though what they read ahead fills the budget', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 600, from: noon - 48 * HOUR, to: noon });
  // No time passes: nobody ever counts as stalled.
  const memory = new MemoryBudget(1_000_000, standingClock());
  const most = { bytes: 0, waiting: 0 };
  const range = { from: (noon - 48 * HOUR) / 1000, to: noon / 1000 };
  const planned = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const sink = new MemorySink();
      const feed = feedFor(tenant, sink, time, { memory, start: (now) => now - 1800 }, { pageSize: 50 });
      await feed.once();
      watchMost(feed, memory, most);
      return { sink, feed, ...(await planBackfill(range, feed.settings, feed.parts)) };
    }),
  );
  await Promise.all(
    planned.map(({ feed, ranges }) =>
      runBackfill(ranges[0]!, feed.settings, feed.parts, new AbortController().signal, () => undefined),
    ),
  );
  for (const { sink } of planned)
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 600, ...equal });
  expect(most.waiting).toBeGreaterThan(1);
  expect(memory).toMatchObject({ bytes: 0, waiting: 0 });
});
