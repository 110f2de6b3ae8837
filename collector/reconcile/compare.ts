import type { Counter } from './source-count.js';

/** Whole seconds since the epoch, `end` exclusive. */
export interface CountedSpan {
  readonly start: number;
  readonly end: number;
}

/** One side of a comparison: how many records of a service JumpCloud must count in a span. */
export type Have = (service: string, span: CountedSpan) => number;

/**
 * Compares what we have of one service with JumpCloud's count: the background pass by its ledger, the range report by
 * what the sink was found to hold. One count covers all spans; where it is not what is expected, it is halved down to
 * single spans.
 * @param spans adjoining, oldest first
 * @returns the count of each span, as far as the time was enough
 * @throws CountRefused
 */
export async function compare(
  service: string,
  spans: readonly CountedSpan[],
  have: Have,
  theirs: Counter,
  isOver: () => boolean = () => false,
): Promise<readonly number[]> {
  const countOf = (part: readonly CountedSpan[], expected: readonly number[]) =>
    theirs.count([service], part[0]!.start, part.at(-1)!.end, sum(expected));
  const halve = async (part: readonly CountedSpan[], known?: number): Promise<readonly number[]> => {
    if (known === undefined && isOver()) return [];
    const expected = part.map((span) => have(service, span));
    const count = known ?? (await countOf(part, expected));
    if (part.length === 1) return [count];
    if (count === sum(expected)) return expected;
    if (isOver()) return [];
    const middle = Math.ceil(part.length / 2);
    const [early, late] = [part.slice(0, middle), part.slice(middle)];
    const first = await countOf(early, expected.slice(0, middle));
    const counts = await halve(early, first);
    // What follows from the whole needs no count of its own.
    return counts.length < early.length ? counts : [...counts, ...(await halve(late, Math.max(0, count - first)))];
  };
  return spans.length === 0 ? [] : halve(spans);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
