/** What to do with a failure: print it, print it with what was kept back, or keep it back. */
export type LogDecision =
  | { readonly kind: 'first' }
  | { readonly kind: 'summary'; readonly times: number; readonly forMs: number }
  | { readonly kind: 'changed'; readonly from: string; readonly times: number; readonly forMs: number }
  | { readonly kind: 'silent' };

interface Series {
  readonly what: string;
  readonly since: number;
  times: number;
  printedAt: number;
}

const most = 1000;
/** Between two summaries of a failure that goes on. */
const SUMMARY_EVERY_MS = 600_000;

/** Decides which of many failures are worth a line: the first, a summary every so often, a change, the end. */
export class RepeatedFailures {
  readonly #series = new Map<string, Series>();

  /** @param now milliseconds that never run backwards: a step of the clock keeps no failure silent */
  constructor(private readonly now: () => number) {}

  /** @param scope what fails, e.g. a lane's source; @param what how it fails: an error code */
  failed(scope: string, what: string): LogDecision {
    const now = this.now();
    const series = this.#series.get(scope);
    if (series === undefined || series.what !== what) {
      // Forgetting the oldest costs one repeated line; unbounded memory would cost the process.
      if (series === undefined && this.#series.size >= most) this.#series.delete(this.#series.keys().next().value!);
      this.#series.set(scope, { what, since: now, times: 1, printedAt: now });
      if (series === undefined) return { kind: 'first' };
      return { kind: 'changed', from: series.what, times: series.times, forMs: now - series.since };
    }
    series.times += 1;
    if (now - series.printedAt < SUMMARY_EVERY_MS) return { kind: 'silent' };
    series.printedAt = now;
    return { kind: 'summary', times: series.times, forMs: now - series.since };
  }

  /** Ends a scope's failure; undefined where it was not failing. */
  ended(scope: string): { readonly what: string; readonly times: number; readonly forMs: number } | undefined {
    const series = this.#series.get(scope);
    this.#series.delete(scope);
    return series && { what: series.what, times: series.times, forMs: this.now() - series.since };
  }
}
