import { describe, expect, it, vi } from 'vitest';
import { type BackfillPart, planBackfill } from '../../collector/backfill/plan.js';
import { type BackfillProgress, runBackfill } from '../../collector/backfill/run.js';
import type { Range } from '../../collector/position/time-range.js';
import { reconcileRange } from '../../collector/reconcile/range-report.js';
import { compare, type FeedUnderTest, feedFor, HOUR, noon, tenantFor } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const DAY = 24 * HOUR;
const equal = { missing: 0, repeated: 0, unknown: 0 };
const asked: Range = { from: (noon - 20 * DAY) / 1000, to: noon / 1000 };
const start = (now: number) => now - 86_400;

const limits = { searches: 3, bytes: 350_000, largestSearch: 300 };

/** When, without the lane's name and types. */
const spans = (parts: readonly BackfillPart[]) => parts.map(({ from, to }) => ({ from, to }));

async function fill(feed: FeedUnderTest, ranges: readonly BackfillPart[], signal = new AbortController().signal) {
  const told: BackfillProgress[] = [];
  for (const range of ranges)
    await runBackfill(range, feed.settings, feed.parts, signal, (one) => told.push(one), limits);
  return told;
}

describe('a backfill beside the live lane', () => {
  it('fills what lies before the origin, and together they hold every record once', async () => {
    for (const endTimeInclusive of [false, true]) {
      const time = virtualTime(noon);
      const tenant = await tenantFor(time, {
        records: 1_000,
        from: noon - 20 * DAY,
        to: noon,
        quirks: { endTimeInclusive },
        trouble: { ties: 0.1, malformed: { share: 0.005 } },
      });
      const sink = new MemorySink();
      const feed = feedFor(tenant, sink, time, { start }, { concurrency: 3 });
      await feed.once();
      const { ranges, notes } = await planBackfill(asked, feed.settings, feed.parts);
      expect(spans(ranges)).toEqual([{ from: asked.from, to: (noon - DAY) / 1000 }]);
      expect(notes.join()).toContain('the backfill ends there');
      const told = await fill(feed, ranges);
      expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
      const last = told.at(-1)!;
      expect(last.settled).toBe(last.to);
      expect(last.records).toBe(last.expected! - (endTimeInclusive ? last.expected! - last.records : 0));
      expect(told.every((one, index) => index === 0 || one.settled >= told[index - 1]!.settled)).toBe(true);
      const commits = sink.commits.filter(({ lane }) => lane.startsWith('backfill'));
      for (const [index, { position }] of commits.entries()) {
        if (index > 0) expect(position.watermark).toBeGreaterThanOrEqual(commits[index - 1]!.position.watermark);
      }
    }
  });

  it('reads several searches at once where its client allows it, and never more', async () => {
    const time = virtualTime(noon);
    // Of dozens of searches two overlap, however busy the machine is that asks and answers: an answer takes far longer than to ask.
    const tenant = await tenantFor(time, { records: 1_000, from: noon - 20 * DAY, to: noon, latency: 200 });
    const feed = feedFor(tenant, new MemorySink(), time, { start }, { concurrency: 3 });
    await feed.once();
    const { ranges } = await planBackfill(asked, feed.settings, feed.parts);
    await fill(feed, ranges);
    expect(tenant.mostInFlight).toBeGreaterThan(1);
    expect(tenant.mostInFlight).toBeLessThanOrEqual(3);
  });

  it('shares what is left with another that begins at the same moment: nothing is read by both', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 1_000, from: noon - 20 * DAY, to: noon });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start });
    await feed.once();
    const middle = (noon - 10 * DAY) / 1000;
    const plans = [
      planBackfill({ ...asked, to: middle + 4 * 86_400 }, feed.settings, feed.parts),
      planBackfill({ ...asked, from: middle }, feed.settings, feed.parts),
    ];
    const [first, second] = await Promise.all(plans);
    expect(second!.notes.join()).toContain('did not finish: it goes on');
    await fill(feed, first!.ranges);
    await fill(feed, second!.ranges);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
  });

  it('goes on where it stands after it was broken off, whatever broke it', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 3_000,
      from: noon - 20 * DAY,
      to: noon,
      script: [{ when: { every: 12, times: 4 }, effect: { kind: 'status', status: 404 } }],
    });
    const sink = new MemorySink(200);
    sink.fate = (_batch, number) => (number % 9 === 0 ? 'in_doubt' : 'kept');
    const feed = feedFor(tenant, sink, time, { start, batchSize: 20 }, { concurrency: 3 });
    await feed
      .once()
      .catch(() => feed.once())
      .catch(() => feed.once());
    let failures = 0;
    for (let done = false; !done; ) {
      const { ranges } = await planBackfill(asked, feed.settings, feed.parts).catch(() => ({ ranges: undefined }));
      if (ranges === undefined) continue;
      done = ranges.length === 0;
      await fill(feed, ranges).catch(() => {
        failures += 1;
      });
      expect(failures).toBeLessThan(100);
    }
    expect(failures).toBeGreaterThan(3);
    await feed.once().catch(() => feed.once());
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 3_000, ...equal });
  });

  it('stops when it is asked to, with what it has delivered kept', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 1_000, from: noon - 20 * DAY, to: noon });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start }, { concurrency: 3 });
    await feed.once();
    const { ranges } = await planBackfill(asked, feed.settings, feed.parts);
    const stop = new AbortController();
    await runBackfill(
      ranges[0]!,
      feed.settings,
      feed.parts,
      stop.signal,
      ({ records }) => {
        if (records > 300) stop.abort();
      },
      limits,
    );
    expect(sink.events.length).toBeGreaterThan(200);
    expect(sink.events.length).toBeLessThan(1_000);
    const again = await planBackfill(asked, feed.settings, feed.parts);
    expect(again.ranges).toEqual(ranges);
    await fill(feed, again.ranges);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
  });
});

describe('a backfill of some event types alone', () => {
  const everything = { expected: 1_500, missing: 0, repeated: 0, unknown: 0 };
  const signal = new AbortController().signal;
  const story = { records: 1_500, from: noon - 3 * DAY, to: noon - DAY };
  const days: Range = { from: (noon - 3 * DAY) / 1000, to: noon / 1000 };

  it('claims its range for these types only: a wider one later reads the rest, and nothing twice', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start });
    await feed.once();
    const logins = await planBackfill(days, feed.settings, feed.parts, { types: ['login'] });
    expect(logins.ranges.map(({ lane, types }) => [lane, types])).toEqual([
      ['backfill/20261031T120000Z_20261102T120000Z_login', ['login']],
    ]);
    await fill(feed, logins.ranges);
    const some = await compare(tenant.ledger, sink.texts());
    expect(some).toMatchObject({ repeated: 0, unknown: 0 });
    expect(some.missing).toBeGreaterThan(180);
    expect((await planBackfill(days, feed.settings, feed.parts, { types: ['login'] })).ranges).toEqual([]);
    const rest = await planBackfill(days, feed.settings, feed.parts);
    expect(rest.ranges.map(({ types }) => types)).toEqual([['admin', 'other']]);
    expect(rest.notes.join()).toContain('was filled by an earlier backfill for login');
    const open = await reconcileRange(days, feed.settings, feed.parts, { repair: false, signal });
    expect(open.notes.join(), 'what nobody has read is said').toContain('admin and other activity is left out');
    await fill(feed, rest.ranges);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject(everything);
    const report = await reconcileRange(days, feed.settings, feed.parts, { repair: false, signal });
    expect(report.verdict).toBe('equal');
    const held = report.hours.reduce((sum, { delivered, deadLetters }) => sum + delivered + deadLetters, 0);
    expect(held, 'each record counts in the lane that read it').toBe(1_500);
  });

  it('that was broken off goes on with the same types, and with all of its own where only some are asked for', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start, batchSize: 20 });
    await feed.once();
    const { ranges } = await planBackfill(days, feed.settings, feed.parts, { types: ['admin', 'login'] });
    const stop = new AbortController();
    const stopSoon = ({ records }: BackfillProgress) => {
      if (records > 180) stop.abort();
    };
    await runBackfill(ranges[0]!, feed.settings, feed.parts, stop.signal, stopSoon, limits);
    const same = await planBackfill(days, feed.settings, feed.parts, { types: ['login', 'admin'] });
    expect(same.ranges).toEqual(ranges);
    const others = await planBackfill(days, feed.settings, feed.parts, { types: ['other'] });
    expect(others.ranges.map(({ types }) => types)).toEqual([['other']]);
    expect(others.notes.join()).toContain('repeat it with --event-types login,admin');
    const fewer = await planBackfill(days, feed.settings, feed.parts, { types: ['login'] });
    expect(fewer.ranges).toEqual(ranges);
    expect(fewer.notes.join()).toContain('with all of its event types');
    await fill(feed, fewer.ranges);
    await fill(feed, others.ranges);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject(everything);
  });

  it('knows of a lane that does not name its types what it has read, by the services it asked for', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, story);
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start });
    await feed.once();
    const [part] = (await planBackfill(days, feed.settings, feed.parts, { types: ['admin'] })).ranges;
    const lane = part!.lane.replace('_admin', '');
    sink.rename(part!.lane, lane);
    sink.tamper(lane, ({ memory: { eventTypes: _, ...memory }, ...cursor }) => ({ ...cursor, memory }));
    await fill(feed, [{ ...part!, lane }]);
    const { ranges } = await planBackfill(days, feed.settings, feed.parts);
    expect(ranges.map(({ lane }) => lane)).toEqual(['backfill/20261031T120000Z_20261102T120000Z_login_other']);
    await fill(feed, ranges);
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject(everything);
  });
});

describe('a plan', () => {
  it('leaves out what was filled before, and a dry run stores nothing', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, { records: 700, from: noon - 20 * DAY, to: noon });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start });
    const dry = await planBackfill(asked, feed.settings, feed.parts, { dryRun: true });
    expect(spans(dry.ranges)).toEqual([{ from: asked.from, to: (noon - DAY) / 1000 }]);
    expect(await sink.lanes()).toEqual([]);
    const middle = { from: (noon - 15 * DAY) / 1000, to: (noon - 10 * DAY) / 1000 };
    await fill(feed, (await planBackfill(middle, feed.settings, feed.parts)).ranges);
    const rest = await planBackfill(asked, feed.settings, feed.parts);
    expect(spans(rest.ranges)).toEqual([
      { from: asked.from, to: middle.from },
      { from: middle.to, to: (noon - DAY) / 1000 },
    ]);
    await fill(feed, rest.ranges);
    await feed.once();
    expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 700, ...equal });
    expect((await planBackfill(asked, feed.settings, feed.parts)).ranges).toEqual([]);
  });

  it('names the first minute that JumpCloud still gives, where it refuses what is older', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 700,
      from: noon - 20 * DAY,
      to: noon,
      quirks: { retention: { days: 15, beyond: '402' } },
    });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { start });
    await feed.once();
    const plan = await planBackfill(asked, feed.settings, feed.parts);
    const kept = noon - 15 * DAY;
    expect(plan.firstAvailable! * 1000).toBeGreaterThan(kept);
    expect(plan.firstAvailable! * 1000).toBeLessThanOrEqual(kept + 3 * 60_000);
    expect(plan.notes.join()).toContain('2026-10-19T12:0');
    await fill(feed, plan.ranges);
    const expects = ({ createdAt }: { createdAt: number }) => createdAt >= plan.firstAvailable! * 1000;
    expect(await compare(tenant.ledger, sink.texts(), { expects })).toMatchObject({ ...equal, others: 0 });
  });

  it('is refused with the reason where nothing at all is licensed', async () => {
    const time = virtualTime(noon);
    const tenant = await tenantFor(time, {
      records: 500,
      from: noon - 2 * DAY,
      to: noon,
      keys: [{ state: 'unlicensed' }],
    });
    const feed = feedFor(tenant, new MemorySink(), time, { start });
    await expect(planBackfill(asked, feed.settings, feed.parts)).rejects.toMatchObject({ code: 'NOT_LICENSED' });
  });
});

it('a tenant that refuses counts is backfilled without them', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, {
    records: 1_000,
    from: noon - 20 * DAY,
    to: noon,
    quirks: { countRefused: true },
  });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start });
  await feed.once();
  const told = await fill(feed, (await planBackfill(asked, feed.settings, feed.parts)).ranges);
  expect(told.at(-1)!.expected).toBeUndefined();
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
});
