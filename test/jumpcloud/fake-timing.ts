import type { Timing } from '../../collector/jumpcloud/http/abort.js';

/** A clock that only `sleep` and the test move; sleeping takes no real time but lets real input and output happen. */
export interface FakeTiming extends Timing {
  /** Every sleep asked for, in milliseconds. */
  readonly slept: number[];
  readonly total: () => number;
  /** Moves both clocks. */
  advance(ms: number): void;
  /** Moves the wall clock alone. */
  step(ms: number): void;
  /** Runs before each sleep returns: tests act "during" the sleep. */
  duringSleep: ((ms: number) => void | Promise<void>) | undefined;
}

export function fakeTiming(random = 0.5): FakeTiming {
  let elapsed = 0;
  let wall = Date.parse('2026-11-01T00:00:00Z');
  const timing: FakeTiming = {
    slept: [],
    total: () => timing.slept.reduce((sum, ms) => sum + ms, 0),
    duringSleep: undefined,
    now: () => wall + elapsed,
    monotonic: () => elapsed,
    random: () => random,
    advance: (ms) => {
      elapsed += ms;
    },
    step: (ms) => {
      wall += ms;
    },
    async sleep(ms, signal) {
      if (signal?.aborted) return;
      timing.slept.push(ms);
      await timing.duringSleep?.(ms);
      await new Promise((resolve) => setImmediate(resolve));
      if (!signal?.aborted) elapsed += ms;
    },
  };
  return timing;
}
