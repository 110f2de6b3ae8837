import { unlessAborted } from '../jumpcloud/http/abort.js';

/**
 * The most directories that one process reads concurrently, however many feeds it has: rows are sorted in memory. A large
 * directory occupies one slot for hours.
 */
const MOST_READINGS = 4;

/** Limits concurrent directory readings: first come, first served. */
export class ReadingSlots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most = MOST_READINGS) {
    this.#free = most;
  }

  /**
   * Waits for a slot.
   * @returns releases the slot; may be called twice
   * @throws CollectorError ABORTED
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    let isHeld = true;
    return () => {
      if (isHeld) this.#release();
      isHeld = false;
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    let grant = () => {};
    const granted = new Promise<void>((resolve) => {
      grant = resolve;
    });
    this.#waiting.push(grant);
    try {
      await unlessAborted(granted, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(grant);
      if (at < 0) this.#release();
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
