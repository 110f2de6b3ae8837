import type { Clock } from '../../collector/clock.js';

/** A clock that the test alone moves; who sleeps on it wakes when it has come so far. */
export interface StandingClock extends Pick<Clock, 'monotonic' | 'sleep'> {
  pass(ms: number): Promise<void>;
}

export function standingClock(): StandingClock {
  let now = 0;
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  return {
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise((wake) => {
        sleepers.push({ at: now + ms, wake });
        signal?.addEventListener('abort', () => wake());
      }),
    async pass(ms) {
      now += ms;
      const due = sleepers.filter(({ at }) => at <= now);
      sleepers = sleepers.filter(({ at }) => at > now);
      for (const { wake } of due) wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
