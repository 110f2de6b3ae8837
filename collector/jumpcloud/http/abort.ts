import { type Clock, systemClock } from '../../clock.js';
import { CollectorError } from '../../errors.js';

/** Time and chance, passed in so that tests decide both. */
export interface Timing extends Clock {
  /** In [0, 1). */
  random(): number;
}

export const systemTiming: Timing = { ...systemClock, random: Math.random };

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

/**
 * A signal of its own that aborts with any of the given ones until it is unlinked. got, and AbortSignal.any, leave
 * something behind on every signal they are given; one that lives for years would gather it.
 */
export function linkedSignal(...sources: readonly (AbortSignal | undefined)[]): {
  signal: AbortSignal;
  unlink: () => void;
} {
  const own = new AbortController();
  const given = sources.filter((source) => source !== undefined);
  const forward = () => own.abort();
  for (const source of given) {
    if (source.aborted) forward();
    source.addEventListener('abort', forward);
  }
  return {
    signal: own.signal,
    unlink: () => {
      for (const source of given) source.removeEventListener('abort', forward);
    },
  };
}
