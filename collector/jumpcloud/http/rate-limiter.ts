import { aborted, type Timing } from './abort.js';

export interface PaceOptions {
  /** As it is at the moment, where it changes. */
  readonly requestsPerSecond: number | (() => number);
  /** Requests in flight at the same time. */
  readonly concurrency: number;
}

/** Decides when the next request may start. Share one where several clients draw on the same organization's allowance. */
export interface Pace {
  /**
   * Waits for the turn; first come, first served.
   * @throws CollectorError ABORTED at once when the signal aborts
   */
  turn(signal?: AbortSignal): Promise<Turn>;
}

export interface Turn {
  /**
   * The request is over; call it once, later calls do nothing. Without `holdMs` it was answered and the pace goes on.
   * With it nothing starts for so many milliseconds, and then one request at a time until one is answered: one request
   * per wait, however many callers are waiting.
   */
  over(holdMs?: number): void;
}

interface Waiter {
  start(turn: Turn): void;
}

export function createPace(options: PaceOptions, timing: Timing): Pace {
  const { requestsPerSecond: rate } = options;
  const gap = () => 1000 / (typeof rate === 'number' ? rate : rate());
  const waiting: Waiter[] = [];
  let active = 0;
  let next = Number.NEGATIVE_INFINITY;
  let holds = 0;
  let held = false;
  let dispatching = false;
  let nap = new AbortController();

  async function dispatch(): Promise<void> {
    if (dispatching) return;
    dispatching = true;
    while (waiting.length > 0 && active < (held ? 1 : options.concurrency)) {
      const wait = next - timing.monotonic();
      if (wait > 0) {
        nap = new AbortController();
        await timing.sleep(wait, nap.signal);
        continue;
      }
      next = timing.monotonic() + gap();
      active += 1;
      waiting.shift()?.start(createTurn());
    }
    dispatching = false;
  }

  function createTurn(): Turn {
    const holdsBefore = holds;
    let isOver = false;
    return {
      over(holdMs) {
        if (isOver) return;
        isOver = true;
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
    turn: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(aborted(signal.reason));
        const waiter: Waiter = {
          start(turn) {
            signal?.removeEventListener('abort', leave);
            resolve(turn);
          },
        };
        const leave = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          // A nap for nobody would keep the process alive.
          if (waiting.length === 0) nap.abort();
          reject(aborted(signal?.reason));
        };
        signal?.addEventListener('abort', leave, { once: true });
        waiting.push(waiter);
        void dispatch();
      }),
  };
}
