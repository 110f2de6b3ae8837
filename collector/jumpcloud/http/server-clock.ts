import type { ClockReading } from '../../clock.js';
import type { Timing } from './abort.js';

/** From here on a difference is worth telling, and JumpCloud's clock is the one to trust. */
const TOLERANCE_MS = 2_000;
/** Answers agree within this: what a slow network adds to one of them. */
const AGREE_MS = 10_000;
/** Beyond this the clocks are apart: one of them is wrong, and it is unknown which. */
export const APART_MS = 5 * 60_000;
const SAMPLES = 5;
/** A time that the local clock does not bear out counts after so many answers that agree, over so long. */
const CONFIRMING_SAMPLES = 4;
const CONFIRMING_MS = 60_000;
/** Instants that a Date may name. Fixed, since the local clock may itself be years off. */
const EARLIEST_DATE = Date.UTC(2020, 0, 1);
const LATEST_DATE = Date.UTC(2100, 0, 1);

/** A difference of the clocks, as it is reported. */
export interface ClockSkew {
  /** Server less local. */
  readonly skewMs: number;
  /** True when they agree within two seconds again. */
  readonly agrees: boolean;
  /** True when they differ by more than five minutes: positions then follow the records alone. */
  readonly apart: boolean;
}

/** JumpCloud's clock as its Date headers show it. Epoch milliseconds. */
export interface ServerClock {
  /** JumpCloud's confirmed time now; the local clock while both agree within two seconds or nothing is confirmed. */
  serverNow(): number;
  /** Server less local, confirmed or not; undefined before the first answer. */
  skewMs(): number | undefined;
  /** Both clocks now. */
  reading(): ClockReading;
  /**
   * Takes in one answer.
   * @param date the Date header; anything but a plausible IMF-fixdate (RFC 9110 §5.6.7) is no sample
   * @param sentAt monotonic milliseconds before the request
   * @returns epoch milliseconds of the header; undefined where it is no sample
   */
  observe(date: string | undefined, sentAt: number): number | undefined;
}

/** Server less monotonic time, by one answer. */
interface Sample {
  readonly offset: number;
  readonly at: number;
}

/**
 * A single Date moves nothing: it counts where the local clock or the answers before bear it out; otherwise only when
 * several answers over a minute agree.
 * @param warn called when the difference passes two seconds, changes by as much, or is gone
 */
export function createServerClock(timing: Timing, warn: (skew: ClockSkew) => void): ServerClock {
  // Offsets against the monotonic clock: a step of the local wall clock shows at once and spoils no sample.
  let confirmed: Sample[] = [];
  let heard: Sample[] = [];
  let told: number | undefined;

  const localOffset = () => timing.now() - timing.monotonic();
  const skewOf = (samples: readonly Sample[]) => {
    const known = median(samples);
    return known === undefined ? undefined : Math.round(known - localOffset());
  };
  const skew = () => skewOf(confirmed) ?? skewOf(heard);

  function tell(): void {
    const now = skew() ?? 0;
    const apart = Math.abs(now) > APART_MS;
    if (Math.abs(now) <= TOLERANCE_MS) {
      if (told !== undefined) warn({ skewMs: now, agrees: true, apart });
      told = undefined;
    } else if (told === undefined || Math.abs(now - told) > TOLERANCE_MS) {
      told = now;
      warn({ skewMs: now, agrees: false, apart });
    }
  }

  function take(sample: Sample): void {
    const agrees = (offset: number | undefined) => offset !== undefined && Math.abs(sample.offset - offset) <= AGREE_MS;
    if (agrees(median(confirmed)) || agrees(localOffset())) {
      // What the local clock bears out alone: after a suspend, or a step of the server's clock, the old samples say nothing.
      const rest = agrees(median(confirmed)) ? confirmed : [];
      confirmed = [...rest.slice(1 - SAMPLES), sample];
      heard = [];
      return;
    }
    heard = [...(agrees(median(heard)) ? heard : []), sample];
    if (heard.length < CONFIRMING_SAMPLES || sample.at - heard[0]!.at < CONFIRMING_MS) return;
    confirmed = heard.slice(-SAMPLES);
    heard = [];
  }

  return {
    skewMs: skew,
    serverNow() {
      const now = skewOf(confirmed) ?? 0;
      return Math.abs(now) > TOLERANCE_MS ? timing.now() + now : timing.now();
    },
    reading() {
      const local = timing.now();
      const now = skew();
      const server = now === undefined ? undefined : local + (Math.abs(now) > TOLERANCE_MS ? now : 0);
      return { local, server, confirmed: confirmed.length > 0, apart: Math.abs(now ?? 0) > APART_MS };
    },
    observe(date, sentAt) {
      const server = date === undefined ? undefined : dateOf(date);
      if (server === undefined) return undefined;
      const at = timing.monotonic();
      // The header has whole seconds: on average it lies half a second behind; it was written between request and answer.
      take({ offset: server + 500 - (sentAt + at) / 2, at });
      tell();
      return server;
    },
  };
}

/** Epoch milliseconds of a plausible IMF-fixdate, such as `Sun, 06 Nov 2022 08:49:37 GMT`. */
function dateOf(text: string): number | undefined {
  const date = new Date(text);
  const ms = date.getTime();
  // The one form that servers must send is the one that is printed here; `Invalid Date` equals no text of theirs.
  const plausible = ms >= EARLIEST_DATE && ms < LATEST_DATE;
  return plausible && date.toUTCString() === text ? ms : undefined;
}

function median(samples: readonly Sample[]): number | undefined {
  return samples.map(({ offset }) => offset).sort((a, b) => a - b)[Math.floor(samples.length / 2)];
}
