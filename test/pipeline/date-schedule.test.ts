import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import { createServerClock } from '../../collector/jumpcloud/http/server-clock.js';
import type { Page, Search, Source } from '../../collector/jumpcloud/insights/source.js';
import type { FeedDependencies } from '../../collector/pipeline/dependencies.js';
import { runFeed } from '../../collector/pipeline/feed.js';
import type { FeedObserver } from '../../collector/pipeline/observer.js';
import { processMemory } from '../../collector/pipeline/process-memory.js';
import { reconciliation } from '../../collector/reconcile/reconciliation.js';
import type { JsonObject } from '../../mappings/json.js';
import { HOUR, MINUTE, noon, settingsFor, usualReconcile } from './feed-under-test.js';
import { MemorySink } from './memory-sink.js';
import { type VirtualTime, virtualTime } from './virtual-time.js';

vi.setConfig({ testTimeout: 300_000 });

const DAY = 24 * HOUR;
const PAGE = 20;
const OVERLAP = 30 * MINUTE;
const END = 5 * HOUR;

/** A record of the body, which is honest: `at` its time, `visibleAt` from when on searches show it. */
interface Shown {
  readonly at: number;
  readonly visibleAt: number;
  readonly value: JsonObject;
}

/** What a Date header says during so many minutes; `world` is the true time. */
interface Episode {
  readonly minutes: number;
  readonly date: (world: number, request: number) => string | undefined;
}

const printed = (ms: number) => new Date(ms).toUTCString();

const skew = fc.oneof(
  fc.integer({ min: -20_000, max: 20_000 }),
  fc.integer({ min: -10 * MINUTE, max: 10 * MINUTE }),
  fc.integer({ min: -400 * DAY, max: 400 * DAY }),
);

const date: fc.Arbitrary<Episode['date']> = fc.oneof(
  fc.constant(printed),
  skew.map((ms) => (world: number) => printed(world + ms)),
  skew.map((ms) => (world: number, request: number) => printed(world + (request % 2) * ms)),
  // A clock that runs away, a little with each answer.
  fc
    .integer({ min: -9_000, max: 9_000 })
    .map((ms) => (world: number, request: number) => printed(world + request * ms)),
  skew.map((ms) => () => printed(noon + ms)),
  fc
    .constantFrom(undefined, '', 'yesterday', '+275760-09-13T00:00:00Z', 'Fri, 31 Dec 9999 23:59:59 GMT')
    .map((text) => () => text),
  fc.string().map((text) => () => text),
);

const episodes = fc.array(fc.record({ minutes: fc.integer({ min: 1, max: 120 }), date }), {
  minLength: 1,
  maxLength: 8,
});

const delays = {
  none: { weight: 6, arbitrary: fc.constant(0) },
  withinOverlap: { weight: 3, arbitrary: fc.integer({ min: 0, max: OVERLAP - 1_000 }) },
  beyondOverlap: { weight: 1, arbitrary: fc.integer({ min: OVERLAP, max: 100 * MINUTE }) },
  /** Dated ahead: visible before its own time. */
  ahead: {
    weight: 1,
    arbitrary: fc
      .oneof(fc.integer({ min: 1, max: 20 * MINUTE }), fc.integer({ min: 1, max: 20 * DAY }))
      .map((ms) => -ms),
  },
};

const recordsWith = (...delay: (typeof delays)[keyof typeof delays][]) =>
  fc
    .array(fc.record({ at: fc.integer({ min: 10_000 - HOUR, max: 3 * HOUR }), delay: fc.oneof(...delay) }), {
      maxLength: 80,
    })
    .map((found) =>
      found.map(({ at: usual, delay }, index): Shown => {
        // Visible within the five hours also where it is dated ahead.
        const at = delay < 0 ? usual - delay : usual;
        const timestamp = new Date(noon + at).toISOString();
        const value = {
          id: `r${index}`,
          service: 'sso',
          event_type: 'sso_auth',
          organization: 'o',
          success: true,
          timestamp,
        };
        return { at: noon + at, visibleAt: noon + at + delay, value };
      }),
    );

const records = recordsWith(delays.none, delays.withinOverlap, delays.beyondOverlap);

/** JumpCloud with an honest body and these Date headers. */
function sourceOf(
  shown: readonly Shown[],
  schedule: readonly Episode[],
  time: VirtualTime,
  observe: (date: string | undefined, sentAt: number) => void,
  serverTime: () => number,
): Source {
  const sorted = [...shown].sort((a, b) => a.at - b.at);
  let requests = 0;
  const answer = async (search: Search) => {
    const sentAt = time.monotonic();
    await time.sleep(50);
    requests += 1;
    observe(dateNow(schedule, time.world(), requests), sentAt);
    if (search.start * 1000 > time.world())
      throw new CollectorError('QUERY_REFUSED', 'Start Time is in the future', { cure: 'None.' });
    const end = search.end === undefined ? Number.POSITIVE_INFINITY : search.end * 1000;
    return sorted.filter(({ at, visibleAt }) => at >= search.start * 1000 && at <= end && visibleAt <= time.world());
  };
  return {
    count: async (search) => (await answer(search)).length,
    async *pages(search): AsyncGenerator<Page, void, void> {
      for (let number = 1; ; number += 1) {
        const visible = (await answer(search)).slice((number - 1) * PAGE);
        const found = visible.slice(0, PAGE).map(({ value }) => ({ text: JSON.stringify(value), value, depth: 1 }));
        const last = visible.length <= PAGE;
        const fetchedAt = time.now();
        yield { records: found, number, last, serverTime: serverTime(), fetchedAt, requestId: undefined, bytes: 1 };
        if (last) return;
      }
    },
  };
}

function dateNow(schedule: readonly Episode[], world: number, request: number): string | undefined {
  const whole = schedule.reduce((sum, { minutes }) => sum + minutes, 0);
  let minute = ((world - noon) / MINUTE) % whole;
  const current = schedule.find(({ minutes }) => {
    minute -= minutes;
    return minute < 0;
  });
  return current?.date(world, request);
}

/** How the collector itself is set up. */
interface Machine {
  /** Milliseconds by which its clock is ahead. */
  readonly ahead: number;
  readonly reconciles: boolean;
}

/** Runs a feed over it for five hours. When each record was delivered, by id; and what failed. */
async function deliveries(shown: readonly Shown[], schedule: readonly Episode[], { ahead, reconciles }: Machine) {
  const time = virtualTime(noon);
  time.step(ahead);
  const clock = createServerClock(time, () => undefined);
  const serverTime = () => clock.reading().server ?? time.now();
  const source = sourceOf(shown, schedule, time, clock.observe, serverTime);
  const sink = new MemorySink();
  const delivered = new Map<string, number[]>();
  const beyond: number[] = [];
  sink.fate = ({ events, cursor }) => {
    for (const { text } of events) {
      const { id } = JSON.parse((JSON.parse(text) as { raw_data: string }).raw_data) as { id: string };
      delivered.set(id, [...(delivered.get(id) ?? []), time.world()]);
    }
    const watermark = cursor.position.watermark * 1000;
    if (watermark > time.world()) beyond.push(watermark);
    return 'kept';
  };
  const ended = new AbortController();
  const failures: CollectorError[] = [];
  const observer: FeedObserver = (event) => {
    if (event.type === 'caughtUp' && time.world() >= noon + END) ended.abort();
    if (event.type === 'failed') failures.push(event.error);
  };
  const settings = settingsFor({ baseUrl: 'http://127.0.0.1/' }, { start: (now) => now - 3600 });
  const collecting = { source, clock: time, clocks: clock.reading, observer, memory: processMemory };
  const parts: FeedDependencies = {
    ...collecting,
    sink,
    random: time.random,
    ...reconciliation(reconciles ? usualReconcile : undefined, settings, collecting, () => undefined),
    credentialChanged: async () => undefined,
  };
  await runFeed(settings, parts, { once: false, signal: ended.signal });
  return { delivered, beyond, failures };
}

describe('any schedule of Date headers over an honest body', () => {
  it('delivers every record once: within two polls where it is late by less than the overlap, else with the next pass', async () => {
    await fc.assert(
      fc.asyncProperty(records, episodes, async (shown, schedule) => {
        const machine = { ahead: 0, reconciles: true };
        const { delivered, beyond, failures } = await deliveries(shown, schedule, machine);
        expect(failures).toEqual([]);
        expect(beyond).toEqual([]);
        for (const { at, visibleAt, value } of shown) {
          const [first, ...again] = delivered.get(value.id as string) ?? [];
          expect(first, `record ${value.id}`).toBeDefined();
          expect(again, `record ${value.id} once more`).toEqual([]);
          // What was visible before the feed began is read by its first poll.
          const wait = visibleAt - at < OVERLAP ? 3 * MINUTE : 15 * MINUTE;
          expect(first! - Math.max(noon, visibleAt), `record ${value.id}`).toBeLessThanOrEqual(wait);
        }
      }),
      { seed: 20261128, numRuns: Number(process.env.DATE_RUNS ?? 25) },
    );
  });

  const honest: Episode = { minutes: 60, date: printed };
  const wrong = fc.oneof(
    fc.record({ ahead: skew, schedule: fc.constant([honest]) }),
    fc.record({ ahead: fc.constant(0), schedule: episodes }),
  );

  it('loses nothing without reconciliation, whichever clock is wrong and however far ahead a record is dated', async () => {
    const shownOnce = recordsWith(delays.none, delays.withinOverlap, delays.ahead);
    await fc.assert(
      fc.asyncProperty(shownOnce, wrong, async (shown, { ahead, schedule }) => {
        const { delivered, beyond, failures } = await deliveries(shown, schedule, { ahead, reconciles: false });
        expect(failures).toEqual([]);
        expect(beyond).toEqual([]);
        for (const { value } of shown) expect(delivered.get(value.id as string), `record ${value.id}`).toHaveLength(1);
      }),
      { seed: 20261129, numRuns: Number(process.env.DATE_RUNS ?? 25) },
    );
  });
});
