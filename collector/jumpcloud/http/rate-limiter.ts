import { aborted, type Timing } from './abort.js';

export interface RateLimiterOptions {
  /** As it is at the moment, where it changes. */
  readonly requestsPerSecond: number | (() => number);
  /** Requests in flight at the same time. */
  readonly concurrency: number;
}

/** Decides when the next request may start. */
export interface RateLimiter {
  /**
   * Waits until a request may start; first come, first served.
   * @throws CollectorError ABORTED at once when the signal aborts
   */
  acquire(signal?: AbortSignal): Promise<Permit>;
}

export interface Permit {
  /**
   * The request is over; call it once, later calls do nothing. Without `holdMs` it was answered and requests go on at the rate.
   * With it nothing starts for so many milliseconds, and then one request at a time until one is answered: one request
   * per wait, however many callers are waiting.
   */
  release(holdMs?: number): void;
}

interface Waiter {
  start(permit: Permit): void;
}

export function createRateLimiter(options: RateLimiterOptions, timing: Timing): RateLimiter {
  const { requestsPerSecond: rate } = options;
  const gap = () => 1000 / (typeof rate === 'number' ? rate : rate());
  const waiting: Waiter[] = [];
  let active = 0;
  let next = Number.NEGATIVE_INFINITY;
  let holds = 0;
  let held = false;
  let dispatching = false;
  let timer = new AbortController();

  async function dispatch(): Promise<void> {
    if (dispatching) return;
    dispatching = true;
    while (waiting.length > 0 && active < (held ? 1 : options.concurrency)) {
      const wait = next - timing.monotonic();
      if (wait > 0) {
        timer = new AbortController();
        await timing.sleep(wait, timer.signal);
        continue;
      }
      next = timing.monotonic() + gap();
      active += 1;
      waiting.shift()?.start(createPermit());
    }
    dispatching = false;
  }

  function createPermit(): Permit {
    const holdsBefore = holds;
    let isReleased = false;
    return {
      release(holdMs) {
        if (isReleased) return;
        isReleased = true;
        active -= 1;
        if (holdMs !== undefined) {
          holds += 1;
          held = true;
          next = Math.max(next, timing.monotonic() + holdMs);
        } else if (holds === holdsBefore) {
          // An answer to a request from before the hold says nothing about the time after it.
          held = false;
        }
        void dispatch();
      },
    };
  }

  return {
    acquire: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(aborted(signal.reason));
        const waiter: Waiter = {
          start(permit) {
            signal?.removeEventListener('abort', leave);
            resolve(permit);
          },
        };
        const leave = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          // Without waiters the timer would keep the process alive.
          if (waiting.length === 0) timer.abort();
          reject(aborted(signal?.reason));
        };
        signal?.addEventListener('abort', leave, { once: true });
        waiting.push(waiter);
        void dispatch();
      }),
  };
}
