/** Work that runs side by side, and work that runs alone: it waits for what runs, and what comes later waits for it. */
export class Turns {
  readonly #running = new Set<Promise<unknown>>();
  #lastAlone: Promise<unknown> = Promise.resolve();
  #begun = 0;

  /** @returns what came of it, and whether nothing else ran beside it at any time */
  async beside<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly ended: PromiseSettledResult<T>; readonly alone: boolean }> {
    for (let before: unknown; before !== this.#lastAlone; ) {
      before = this.#lastAlone;
      await before;
    }
    const first = this.#running.size === 0;
    const begun = ++this.#begun;
    const running = work();
    this.#running.add(running);
    const [ended] = await Promise.allSettled([running]);
    this.#running.delete(running);
    return { ended, alone: first && begun === this.#begun };
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#lastAlone.then(async () => {
      await Promise.allSettled(this.#running);
      return work();
    });
    this.#lastAlone = Promise.allSettled([running]);
    return running;
  }
}
