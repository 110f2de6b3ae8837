/** Requests that a feed polls at once. They merge: what is asked for before a poll begins is served by that poll. */
export class PollRequests {
  #asked = 0;
  #served = 0;
  readonly #waiting = new Set<() => void>();

  /** Asks for a poll. */
  ask(): void {
    this.#asked += 1;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Whether a poll was asked for that has not succeeded yet. */
  get isPending(): boolean {
    return this.#asked > this.#served;
  }

  /** Begins a poll; what it answers is to be called when the poll has succeeded. */
  begin(): () => void {
    const asked = this.#asked;
    return () => {
      this.#served = asked;
    };
  }

  /** Resolves at the next request, or when the signal aborts. */
  arrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      signal.addEventListener(
        'abort',
        () => {
          this.#waiting.delete(resolve);
          resolve();
        },
        { once: true },
      );
    });
  }
}
