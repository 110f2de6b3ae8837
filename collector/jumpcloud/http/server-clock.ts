import type { Timing } from './abort.js';

/** From here on a difference is worth telling, and JumpCloud's clock is the one to trust. */
const TOLERANCE_MS = 2_000;
const SAMPLES = 5;

/** JumpCloud's clock as its Date headers show it. Epoch milliseconds. */
export interface ServerClock {
  /** JumpCloud's time now; the local clock while both agree within two seconds or nothing is known yet. */
  serverNow(): number;
  /** Server less local; undefined before the first answer. */
  skewMs(): number | undefined;
  /**
   * Takes in one answer.
   * @param date the Date header
   * @param sentAt monotonic milliseconds before the request
   * @returns epoch milliseconds of the header; undefined where it is missing or unreadable
   */
  observe(date: string | undefined, sentAt: number): number | undefined;
}

/** @param warn told when the difference passes two seconds, changes by as much, or is gone */
export function createServerClock(
  timing: Timing,
  warn: (skew: { skewMs: number; agrees: boolean }) => void,
): ServerClock {
  // Offsets against the monotonic clock: a step of the local wall clock shows at once and spoils no sample.
  let offsets: number[] = [];
  let told: number | undefined;

  const offset = () => [...offsets].sort((a, b) => a - b)[Math.floor(offsets.length / 2)];
  const skew = () => {
    const known = offset();
    return known === undefined ? undefined : Math.round(known + timing.monotonic() - timing.now());
  };

  function tell(): void {
    const now = skew() ?? 0;
    if (Math.abs(now) <= TOLERANCE_MS) {
      if (told !== undefined) warn({ skewMs: now, agrees: true });
      told = undefined;
    } else if (told === undefined || Math.abs(now - told) > TOLERANCE_MS) {
      told = now;
      warn({ skewMs: now, agrees: false });
    }
  }

  return {
    skewMs: skew,
    serverNow() {
      const now = skew() ?? 0;
      return Math.abs(now) > TOLERANCE_MS ? timing.now() + now : timing.now();
    },
    observe(date, sentAt) {
      const server = date === undefined ? Number.NaN : Date.parse(date);
      if (Number.isNaN(server)) return undefined;
      // The header has whole seconds: on average it lies half a second behind; it was written between request and answer.
      const sample = server + 500 - (sentAt + timing.monotonic()) / 2;
      const known = offset();
      // After a suspend, or a step of the server's clock, the old samples say nothing.
      if (known !== undefined && Math.abs(sample - known) > TOLERANCE_MS) offsets = [];
      offsets = [...offsets.slice(1 - SAMPLES), sample];
      tell();
      return server;
    },
  };
}
