import { CollectorError } from '../errors.js';

/** Time and chance, passed in so that tests decide both. All durations and times are milliseconds. */
export interface Timing {
  /** Wall clock, since the epoch. May jump. */
  now(): number;
  /** Never goes back and does not follow changes of the wall clock; its zero has no meaning. */
  monotonic(): number;
  /** Resolves when the time is over or the signal aborts, whichever is first. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

export const systemTiming: Timing = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, ms));
      signal?.addEventListener('abort', done);
    }),
};

/** @throws CollectorError ABORTED where the signal says so. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal.reason);
}

export function aborted(cause?: unknown): CollectorError {
  return new CollectorError('ABORTED', 'stopped on request', { cure: 'Nothing to do.', cause });
}

/** The promise's outcome, or ABORTED as soon as the signal says so; what the promise stands for goes on for others. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const leave = () => reject(aborted(signal.reason));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
