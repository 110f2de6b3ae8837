const MINUTE = 60_000;
const DAY_MINUTES = 24 * 60;

/** How many things happened in the last minutes, up to a day; by whole minutes, in constant memory. */
export class Rate {
  readonly #counts = new Float64Array(DAY_MINUTES);
  #minute: number | undefined;

  /** @param now epoch milliseconds */
  add(count: number, now: number): void {
    this.#moveTo(now);
    this.#counts[this.#slot(this.#minute!)]! += count;
  }

  /** The sum over the current minute and those before it, `minutes` in all. */
  over(minutes: number, now: number): number {
    this.#moveTo(now);
    let sum = 0;
    for (let back = 0; back < Math.min(minutes, DAY_MINUTES); back++)
      sum += this.#counts[this.#slot(this.#minute! - back)]!;
    return sum;
  }

  /** A clock that steps back counts into the minute it was at. */
  #moveTo(now: number): void {
    const minute = Math.floor(now / MINUTE);
    const from = this.#minute ?? minute;
    const steps = Math.min(minute - from, DAY_MINUTES);
    for (let step = 0; step < steps; step++) this.#counts[this.#slot(minute - step)] = 0;
    this.#minute = Math.max(from, minute);
  }

  #slot(minute: number): number {
    return ((minute % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;
  }
}
