import { describe, expect, it } from 'vitest';
import { createRateLimiter, type Permit } from '../../../collector/jumpcloud/http/rate-limiter.js';
import { fakeTiming } from '../fake-timing.js';

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('the rate limiter', () => {
  it('starts requests at least a fifth of a second apart at five a second', async () => {
    const timing = fakeTiming();
    const limiter = createRateLimiter({ requestsPerSecond: 5, concurrency: 1 }, timing);
    const starts: number[] = [];
    for (let request = 0; request < 4; request += 1) {
      const permit = await limiter.acquire();
      starts.push(timing.monotonic());
      permit.release();
    }
    expect(starts).toEqual([0, 200, 400, 600]);
  });

  it('does not save up requests while nothing is asked: no bursts', async () => {
    const timing = fakeTiming();
    const limiter = createRateLimiter({ requestsPerSecond: 5, concurrency: 4 }, timing);
    (await limiter.acquire()).release();
    timing.advance(60_000);
    const starts: number[] = [];
    for (let request = 0; request < 3; request += 1) {
      const permit = await limiter.acquire();
      starts.push(timing.monotonic() - 60_000);
      permit.release();
    }
    expect(starts).toEqual([0, 200, 400]);
  });

  it.each([1, 3])('keeps at most %i requests in flight, first come first served', async (concurrency) => {
    const limiter = createRateLimiter({ requestsPerSecond: 1_000, concurrency }, fakeTiming());
    const order: number[] = [];
    let inFlight = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 9 }, async (_, request) => {
        const permit = await limiter.acquire();
        order.push(request);
        inFlight += 1;
        most = Math.max(most, inFlight);
        await settle();
        inFlight -= 1;
        permit.release();
      }),
    );
    expect(most).toBe(concurrency);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('lets one request pass after a hold, however many wait, until one is answered', async () => {
    const timing = fakeTiming();
    const limiter = createRateLimiter({ requestsPerSecond: 1_000, concurrency: 3 }, timing);
    const started: Permit[] = [];
    for (let request = 0; request < 6; request += 1) void limiter.acquire().then((permit) => started.push(permit));
    await settle();
    expect(started).toHaveLength(3);

    started[0]?.release(10_000);
    // Answered, but sent before the hold: no sign that the hold may end.
    started[1]?.release();
    started[2]?.release();
    await settle();
    expect(timing.monotonic()).toBeGreaterThanOrEqual(10_000);
    expect(started).toHaveLength(4);

    started[3]?.release(20_000);
    await settle();
    expect(timing.monotonic()).toBeGreaterThanOrEqual(30_000);
    expect(started).toHaveLength(5);

    started[4]?.release();
    await settle();
    expect(started).toHaveLength(6);
    started[5]?.release();
  });

  it('a second `release` changes nothing', async () => {
    const timing = fakeTiming();
    const limiter = createRateLimiter({ requestsPerSecond: 1_000, concurrency: 1 }, timing);
    const first = await limiter.acquire();
    first.release(5_000);
    first.release();
    first.release();
    const second = await limiter.acquire();
    expect(timing.monotonic()).toBe(5_000);
    let third: Permit | undefined;
    void limiter.acquire().then((permit) => {
      third = permit;
    });
    await settle();
    expect(third).toBeUndefined();
    second.release();
    await settle();
    expect(third).toBeDefined();
  });

  it('is left at once on abort, and the next in line is not delayed by it', async () => {
    const limiter = createRateLimiter({ requestsPerSecond: 1_000, concurrency: 1 }, fakeTiming());
    const first = await limiter.acquire();
    const stop = new AbortController();
    const left = limiter.acquire(stop.signal);
    const next = limiter.acquire();
    stop.abort();
    await expect(left).rejects.toMatchObject({ code: 'ABORTED' });
    first.release();
    (await next).release();
    await expect(limiter.acquire(stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('ends its wait when the last one who waited has left', async () => {
    const timing = fakeTiming();
    let waiting: AbortSignal | undefined;
    const limiter = createRateLimiter(
      { requestsPerSecond: 1, concurrency: 1 },
      {
        ...timing,
        sleep: (_, signal) =>
          new Promise((resolve) => {
            waiting = signal;
            signal?.addEventListener('abort', () => resolve());
          }),
      },
    );
    (await limiter.acquire()).release(300_000);
    const stop = new AbortController();
    const left = limiter.acquire(stop.signal);
    stop.abort();
    await expect(left).rejects.toMatchObject({ code: 'ABORTED' });
    expect(waiting?.aborted).toBe(true);
  });
});
