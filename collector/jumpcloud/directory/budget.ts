import type { Timing } from '../http/abort.js';
import { throwIfAborted } from '../http/abort.js';
import type { ClientObserver } from '../http/observer.js';
import { createRateLimiter, type RateLimiter } from '../http/rate-limiter.js';

/** After so many answers in a row the pace doubles again. */
const RECOVERY = 200;
/** No slower than this. */
const SLOWEST = 0.1;
const LOOK_MS = 250;

/** What the directory API may be asked: a pace of its own, halved by each 429, and behind the polls. */
export interface DirectoryBudget {
  readonly limiter: RateLimiter;
  /** The same observer; its events also move the budget. */
  observing(observer: ClientObserver): ClientObserver;
  /** Resolves when no search is being repeated. @throws CollectorError ABORTED */
  untilPollsAreThrough(signal?: AbortSignal): Promise<void>;
}

/** @param requestsPerSecond at most */
export function createDirectoryBudget(requestsPerSecond: number, timing: Timing): DirectoryBudget {
  let rate = requestsPerSecond;
  let answered = 0;
  let pollRetrying = false;
  return {
    limiter: createRateLimiter({ requestsPerSecond: () => rate, concurrency: 1 }, timing),
    observing: (observer) => ({
      ...observer,
      onRequest(request) {
        if (request.purpose === 'api') pollRetrying = pollRetrying && request.code !== undefined;
        if (request.purpose === 'directory' && request.code === undefined && ++answered >= RECOVERY) {
          answered = 0;
          rate = Math.min(requestsPerSecond, rate * 2);
        }
        if (request.purpose === 'directory' && request.code === 'RATE_LIMITED') {
          answered = 0;
          rate = Math.max(SLOWEST, rate / 2);
        }
        observer.onRequest?.(request);
      },
      onRetry(retry) {
        if (retry.purpose === 'api') pollRetrying = true;
        observer.onRetry?.(retry);
      },
    }),
    async untilPollsAreThrough(signal) {
      while (pollRetrying) {
        throwIfAborted(signal);
        await timing.sleep(LOOK_MS, signal);
      }
    },
  };
}
