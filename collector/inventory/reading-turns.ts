import { unlessAborted } from '../jumpcloud/http/abort.js';

/**
 * How many directories one process reads at the same time, however many feeds it has: what is read is sorted in memory. A
 * large directory keeps one turn for hours, the others pass by it.
 */
const MOST_READINGS = 4;

/** Turns at reading a directory: first come, first served. */
export class ReadingTurns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most = MOST_READINGS) {
    this.#free = most;
  }

  /**
   * Waits for a turn.
   * @returns what ends it; may be called twice
   * @throws CollectorError ABORTED
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    let mine = true;
    return () => {
      if (mine) this.#end();
      mine = false;
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    let begin = () => {};
    const turn = new Promise<void>((resolve) => {
      begin = resolve;
    });
    this.#waiting.push(begin);
    try {
      await unlessAborted(turn, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(begin);
      if (at < 0) this.#end();
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  #end(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
