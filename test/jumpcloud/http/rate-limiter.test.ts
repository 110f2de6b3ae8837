import { describe, expect, it } from 'vitest';
import { createPace, type Turn } from '../../../collector/jumpcloud/http/rate-limiter.js';
import { fakeTiming } from '../fake-timing.js';

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('pace', () => {
  it('starts requests at least a fifth of a second apart at five a second', async () => {
    const timing = fakeTiming();
    const pace = createPace({ requestsPerSecond: 5, concurrency: 1 }, timing);
    const starts: number[] = [];
    for (let request = 0; request < 4; request += 1) {
      const turn = await pace.turn();
      starts.push(timing.monotonic());
      turn.over();
    }
    expect(starts).toEqual([0, 200, 400, 600]);
  });

  it('does not save up turns while nothing is asked: no bursts', async () => {
    const timing = fakeTiming();
    const pace = createPace({ requestsPerSecond: 5, concurrency: 4 }, timing);
    (await pace.turn()).over();
    timing.advance(60_000);
    const starts: number[] = [];
    for (let request = 0; request < 3; request += 1) {
      const turn = await pace.turn();
      starts.push(timing.monotonic() - 60_000);
      turn.over();
    }
    expect(starts).toEqual([0, 200, 400]);
  });

  it.each([1, 3])('keeps at most %i requests in flight, first come first served', async (concurrency) => {
    const pace = createPace({ requestsPerSecond: 1_000, concurrency }, fakeTiming());
    const order: number[] = [];
    let inFlight = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 9 }, async (_, request) => {
        const turn = await pace.turn();
        order.push(request);
        inFlight += 1;
        most = Math.max(most, inFlight);
        await settle();
        inFlight -= 1;
        turn.over();
      }),
    );
    expect(most).toBe(concurrency);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('lets one request pass after a hold, however many wait, until one is answered', async () => {
    const timing = fakeTiming();
    const pace = createPace({ requestsPerSecond: 1_000, concurrency: 3 }, timing);
    const started: Turn[] = [];
    for (let request = 0; request < 6; request += 1) void pace.turn().then((turn) => started.push(turn));
    await settle();
    expect(started).toHaveLength(3);

    started[0]?.over(10_000);
    // Answered, but sent before the hold: no sign that the hold may end.
    started[1]?.over();
    started[2]?.over();
    await settle();
    expect(timing.monotonic()).toBeGreaterThanOrEqual(10_000);
    expect(started).toHaveLength(4);

    started[3]?.over(20_000);
    await settle();
    expect(timing.monotonic()).toBeGreaterThanOrEqual(30_000);
    expect(started).toHaveLength(5);

    started[4]?.over();
    await settle();
    expect(started).toHaveLength(6);
    started[5]?.over();
  });

  it('a second `over` changes nothing', async () => {
    const timing = fakeTiming();
    const pace = createPace({ requestsPerSecond: 1_000, concurrency: 1 }, timing);
    const first = await pace.turn();
    first.over(5_000);
    first.over();
    first.over();
    const second = await pace.turn();
    expect(timing.monotonic()).toBe(5_000);
    let third: Turn | undefined;
    void pace.turn().then((turn) => {
      third = turn;
    });
    await settle();
    expect(third).toBeUndefined();
    second.over();
    await settle();
    expect(third).toBeDefined();
  });

  it('is left at once on abort, and the next in line is not delayed by it', async () => {
    const pace = createPace({ requestsPerSecond: 1_000, concurrency: 1 }, fakeTiming());
    const first = await pace.turn();
    const stop = new AbortController();
    const left = pace.turn(stop.signal);
    const next = pace.turn();
    stop.abort();
    await expect(left).rejects.toMatchObject({ code: 'ABORTED' });
    first.over();
    (await next).over();
    await expect(pace.turn(stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('ends its nap when the last one who waited has left', async () => {
    const timing = fakeTiming();
    let napping: AbortSignal | undefined;
    const pace = createPace(
      { requestsPerSecond: 1, concurrency: 1 },
      {
        ...timing,
        sleep: (_, signal) =>
          new Promise((resolve) => {
            napping = signal;
            signal?.addEventListener('abort', () => resolve());
          }),
      },
    );
    (await pace.turn()).over(300_000);
    const stop = new AbortController();
    const left = pace.turn(stop.signal);
    stop.abort();
    await expect(left).rejects.toMatchObject({ code: 'ABORTED' });
    expect(napping?.aborted).toBe(true);
  });
});
