import { setImmediate } from 'node:timers/promises';

/** The time and the waiting of a program, passed in so that tests can own both. */
export interface Clock {
  /** Epoch milliseconds of the local wall clock. */
  now(): number;
  /** Milliseconds that never run backwards, from any beginning. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, ms), 2 ** 31 - 1));
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/** What the local clock and JumpCloud's say now. Epoch milliseconds. */
export interface ClockReading {
  readonly local: number;
  /** As JumpCloud's answers say; undefined before the first. */
  readonly server: number | undefined;
  /** True when `server` is borne out by the local clock or by several answers over a minute. */
  readonly confirmed: boolean;
  /** True when both differ by so much that neither may move a position. */
  readonly apart: boolean;
}

/** JumpCloud's time as its answers give it, confirmed or not: for a question that moves nothing. */
export function serverTime({ local, server }: ClockReading): number {
  return server ?? local;
}

/** The earlier of both clocks: a moment that has passed by either. */
export function earlierOf({ local, server }: ClockReading): number {
  return Math.min(local, server ?? local);
}

/** The later of both clocks: a moment that has not passed by either. */
export function laterOf({ local, server }: ClockReading): number {
  return Math.max(local, server ?? local);
}

/** Milliseconds for which a long loop may hold the process: each step of a poll and of its commit waits for as long. */
const SLICE_MS = 4;

/** Lets other work go on whenever a loop has held the process for a slice: await it at each step. */
export function breathe(now: () => number = () => performance.now()): () => Promise<void> | undefined {
  let since = now();
  return () => {
    if (now() - since < SLICE_MS) return undefined;
    return setImmediate().then(() => {
      since = now();
    });
  };
}
