/** Runs statements concurrently, and single ones exclusively: each waits until the running ones have ended; later ones wait for it. */
export class StatementQueue {
  readonly #running = new Set<Promise<unknown>>();
  #lastExclusive: Promise<unknown> = Promise.resolve();
  #started = 0;

  /** @returns the outcome, and whether no other statement ran at the same time */
  async runConcurrently<T>(
    run: () => Promise<T>,
  ): Promise<{ readonly ended: PromiseSettledResult<T>; readonly exclusive: boolean }> {
    for (let before: unknown; before !== this.#lastExclusive; ) {
      before = this.#lastExclusive;
      await before;
    }
    const isFirst = this.#running.size === 0;
    const started = ++this.#started;
    const running = run();
    this.#running.add(running);
    const [ended] = await Promise.allSettled([running]);
    this.#running.delete(running);
    return { ended, exclusive: isFirst && started === this.#started };
  }

  async runExclusively<T>(run: () => Promise<T>): Promise<T> {
    const running = this.#lastExclusive.then(async () => {
      await Promise.allSettled(this.#running);
      return run();
    });
    this.#lastExclusive = Promise.allSettled([running]);
    return running;
  }
}
