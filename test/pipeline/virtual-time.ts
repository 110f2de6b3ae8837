import type { Timing } from '../../collector/jumpcloud/http/abort.js';

/** Time that passes only by sleeping and by the test's hand: days of polling take seconds. */
export interface VirtualTime extends Timing {
  /** Epoch milliseconds of the world, which JumpCloud's clock shows; the collector's own is `now`. */
  world(): number;
  /** Moves both clocks and the world. */
  pass(ms: number): void;
  /** Steps the collector's wall clock alone, as NTP or an operator does. */
  step(ms: number): void;
  /** The world and the wall clock go on while the monotonic clock stands: a suspended machine. */
  suspend(ms: number): void;
}

/** @param start epoch milliseconds */
export function virtualTime(start: number, seed = 1): VirtualTime {
  let passed = 0;
  let asleep = 0;
  let off = 0;
  let state = seed >>> 0 || 1;
  return {
    world: () => Math.floor(start + passed + asleep),
    now: () => Math.floor(start + passed + asleep + off),
    monotonic: () => passed,
    random: () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    },
    async sleep(ms, signal) {
      if (signal?.aborted) return;
      // Real input and output get their turn before virtual time leaps.
      await new Promise((resolve) => setImmediate(resolve));
      if (!signal?.aborted) passed += Math.max(0, ms);
    },
    pass: (ms) => {
      passed += ms;
    },
    step: (ms) => {
      off += ms;
    },
    suspend: (ms) => {
      asleep += ms;
    },
  };
}
