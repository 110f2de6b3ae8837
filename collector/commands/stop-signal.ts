/** Ctrl-C and its like, held back until what was begun is cleared away. */
export class StopSignal {
  static readonly #signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  readonly #controller = new AbortController();
  #received: NodeJS.Signals | undefined;
  readonly #listener = (signal: NodeJS.Signals) => {
    this.#received ??= signal;
    this.#controller.abort();
  };

  constructor() {
    for (const signal of StopSignal.#signals) process.on(signal, this.#listener);
  }

  /** Aborted when one is received. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends this process by the signal, as if it had not been caught: a shell's loop ends with it. */
  pass(): void {
    for (const signal of StopSignal.#signals) process.off(signal, this.#listener);
    if (this.#received !== undefined) process.kill(process.pid, this.#received);
  }
}
