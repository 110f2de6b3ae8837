import { CollectorError } from '../errors.js';
import type { Source } from '../jumpcloud/insights/source.js';

/** JumpCloud gives no counts. */
export class CountRefused extends Error {
  constructor(readonly reason: CollectorError) {
    super(reason.message);
  }
}

/** Asks JumpCloud how many records it has, so that the answer does not depend on what `end_time` includes. */
export class Counter {
  readonly #edges = new Map<string, number>();
  #asked = 0;

  constructor(
    private readonly source: Pick<Source, 'count'>,
    private readonly signal: AbortSignal,
  ) {}

  /** Requests so far. */
  get asked(): number {
    return this.#asked;
  }

  /**
   * Records with start ≤ time < end, whole seconds since the epoch. Whether end_time is inclusive is undocumented: where
   * the plain answer is not the expected one, the count is taken up to a second later and that second's own count off
   * it, which has the same end.
   * @throws CountRefused
   */
  async count(services: readonly string[], start: number, end: number, expected?: number): Promise<number> {
    const plain = await this.#ask(services, start, end);
    if (plain === expected || plain === 0) return plain;
    const name = `${services.join()} ${end}`;
    const edge = this.#edges.get(name) ?? (await this.#ask(services, end, end + 1));
    this.#edges.set(name, edge);
    return edge === 0 ? plain : (await this.#ask(services, start, end + 1)) - edge;
  }

  async #ask(services: readonly string[], start: number, end: number): Promise<number> {
    this.#asked += 1;
    try {
      return await this.source.count({ services, start, end }, this.signal);
    } catch (error) {
      if (error instanceof CollectorError && error.is('refusesCount')) throw new CountRefused(error);
      throw error;
    }
  }
}
