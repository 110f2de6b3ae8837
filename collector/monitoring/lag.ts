import { floorToMillisecond } from '../../mappings/instant.js';
import type { Search } from '../jumpcloud/insights/source.js';
import type { Cursor } from '../position/cursor.js';

/**
 * How far a lane lags behind the present. An idle lane does not lag: what was read to its end with nothing new is as
 * fresh as that search. Before the first delivery nothing is known, and nothing is said.
 */
export class Lag {
  /** Epoch milliseconds up to which everything visible was delivered. */
  #covered: number | undefined;
  /** Epoch milliseconds at which the first open search of this poll began. */
  #openSince: number | undefined;

  /** @param now epoch milliseconds */
  searching(search: Search, now: number): void {
    if (search.end === undefined) this.#openSince ??= now;
  }

  committed(cursor: Cursor): void {
    this.#reach(Math.max(floorToMillisecond(cursor.position.maxEventTime), cursor.position.watermark * 1000));
  }

  caughtUp(now: number): void {
    this.#reach(this.#openSince ?? now);
    this.#openSince = undefined;
  }

  /** A failed poll starts again. */
  failed(): void {
    this.#openSince = undefined;
  }

  /** Milliseconds; undefined before the first delivery. */
  at(now: number): number | undefined {
    return this.#covered === undefined ? undefined : Math.max(0, now - this.#covered);
  }

  #reach(instant: number): void {
    if (Number.isFinite(instant)) this.#covered = Math.max(this.#covered ?? instant, instant);
  }
}
