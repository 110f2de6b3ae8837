import { floorToSecond } from '../../../mappings/instant.js';
import { copyOf } from '../../../mappings/json.js';
import { type ReceivedRecord, recordInstant } from '../../../mappings/record.js';

/** Records of one second, or without a time, that are remembered. */
const MOST_REMEMBERED = 10_000;

/**
 * Where a search stands, so that another one with another page size can go on from there: a cursor of JumpCloud's holds
 * for the one body that it was given out for. The other search begins at the last second that was shown, and what it
 * shows again of that second is left out.
 */
export class ResumePoint {
  #second: number;
  #isOrdered = true;
  /** Texts since the last second began. */
  #shown: string[] = [];
  /** Texts without a time right before that: they may lie on it. */
  #before: string[] = [];
  /** Texts without a time since the last record that has one. */
  #run: string[] = [];
  /** Texts without a time before the first record that has one: it is not known where JumpCloud sorts them. */
  #leading: string[] | undefined;
  /** What a search that goes on may show again, before its first record with a time and after: text → how often. */
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

  /** False where the records did not come in order, or too many lie on one second: what was shown is then unknown. */
  get isUsable(): boolean {
    return this.#isOrdered && this.#shown.length + this.#run.length <= MOST_REMEMBERED;
  }

  /** The next search begins at `second`. */
  resume(): void {
    this.#againBefore = counted([...(this.#leading ?? this.#run), ...this.#before]);
    this.#again = counted(this.#shown);
  }

  /** Takes in the next records. @returns those that were not shown before */
  take(records: readonly ReceivedRecord[]): readonly ReceivedRecord[] {
    const notShown = records.filter((record) => {
      const instant = recordInstant(record);
      const second = instant === undefined ? undefined : floorToSecond(instant);
      if (this.#isShown(record.text, second)) return false;
      this.#note(record.text, second);
      return true;
    });
    for (const texts of [this.#shown, this.#before, this.#run, this.#leading ?? []]) copyLast(texts, notShown.length);
    return notShown;
  }

  #isShown(text: string, second: number | undefined): boolean {
    if (second === undefined && this.#againBefore.size > 0) return takeOne(this.#againBefore, text);
    this.#againBefore.clear();
    if (second !== undefined && second > this.#second) this.#again.clear();
    return takeOne(this.#again, text);
  }

  #note(text: string, second: number | undefined): void {
    if (second === undefined) {
      this.#run.push(text);
      if (this.#leading !== undefined) this.#shown.push(text);
      return;
    }
    const isFirst = this.#leading === undefined;
    this.#leading ??= this.#run;
    if (second < this.#second) this.#isOrdered = false;
    if (second > this.#second) {
      this.#shown = [];
      this.#before = isFirst ? [] : this.#run;
    }
    this.#shown.push(text);
    this.#second = Math.max(this.#second, second);
    this.#run = [];
  }
}

/** Only what the last page added is a part of its text: copying all at each page would take its square of time. */
function copyLast(texts: string[], most: number): void {
  for (let index = Math.max(0, texts.length - most); index < texts.length; index += 1)
    texts[index] = copyOf(texts[index]!);
}

function counted(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** Whether there was one of these left; takes it away. */
function takeOne(counts: Map<string, number>, text: string): boolean {
  const left = counts.get(text) ?? 0;
  if (left > 0) counts.set(text, left - 1);
  return left > 0;
}
