import { hash } from 'node:crypto';
import { floorToSecond } from '../../../mappings/instant.js';
import { type ReceivedRecord, recordInstant } from '../../../mappings/record.js';

/** Records of one second, or without a time, that are remembered, by their digests. One more says that there were others. */
const MOST_REMEMBERED = 10_000;

/**
 * Where a search stands, so that another one with another page size can go on from there: a cursor of JumpCloud's holds
 * for the one body that it was given out for. The other search begins at the last second that was shown, and what it
 * shows again of that second is left out.
 */
export class ResumePoint {
  #second: number;
  #isOrdered = true;
  /** Digests of the texts since the last second began. */
  #shown: string[] = [];
  /** Of those without a time right before that: they may lie on it. */
  #before: string[] = [];
  /** Of those without a time since the last record that has one. */
  #run: string[] = [];
  /** Of those without a time before the first record that has one: it is not known where JumpCloud sorts them. */
  #leading: string[] | undefined;
  /** What a search that goes on may show again, before its first record with a time and after: digest → how often. */
  #againBefore = new Map<string, number>();
  #again = new Map<string, number>();

  /** @param start whole second since the epoch at which the search begins */
  constructor(start: number) {
    this.#second = start;
  }

  /** The last whole second shown; the search's start before the first record with a time. */
  get second(): number {
    return this.#second;
  }

  /**
   * False where the records did not come in order, or too many lie on one second or have no time: what was shown is then
   * unknown.
   */
  get isUsable(): boolean {
    const [leading, before] = [this.#leading ?? [], this.#before];
    return (
      this.#isOrdered &&
      [this.#shown.length + this.#run.length, leading.length, before.length].every((count) => count <= MOST_REMEMBERED)
    );
  }

  /** The next search begins at `second`. */
  resume(): void {
    this.#againBefore = counted([...(this.#leading ?? this.#run), ...this.#before]);
    this.#again = counted(this.#shown);
  }

  /** Takes in the next records. @returns those that were not shown before */
  take(records: readonly ReceivedRecord[]): readonly ReceivedRecord[] {
    return records.filter((record) => {
      const instant = recordInstant(record);
      const second = instant === undefined ? undefined : floorToSecond(instant);
      if (this.#isShown(record.text, second)) return false;
      this.#note(record.text, second);
      return true;
    });
  }

  #isShown(text: string, second: number | undefined): boolean {
    if (second === undefined && this.#againBefore.size > 0) return takeOne(this.#againBefore, text);
    this.#againBefore.clear();
    if (second !== undefined && second > this.#second) this.#again.clear();
    return takeOne(this.#again, text);
  }

  #note(text: string, second: number | undefined): void {
    if (second === undefined) {
      remember(this.#run, text);
      if (this.#leading !== undefined) remember(this.#shown, text);
      return;
    }
    const isFirst = this.#leading === undefined;
    this.#leading ??= this.#run;
    if (second < this.#second) this.#isOrdered = false;
    if (second > this.#second) {
      this.#shown = [];
      this.#before = isFirst ? [] : this.#run;
    }
    remember(this.#shown, text);
    this.#second = Math.max(this.#second, second);
    this.#run = [];
  }
}

function remember(digests: string[], text: string): void {
  if (digests.length <= MOST_REMEMBERED) digests.push(digestOf(text));
}

function digestOf(text: string): string {
  return hash('sha256', text, 'base64');
}

function counted(digests: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const digest of digests) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  return counts;
}

/** Whether there was one of these left; takes it away. */
function takeOne(counts: Map<string, number>, text: string): boolean {
  if (counts.size === 0) return false;
  const digest = digestOf(text);
  const left = counts.get(digest) ?? 0;
  if (left > 0) counts.set(digest, left - 1);
  return left > 0;
}
