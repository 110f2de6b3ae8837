import type { Line } from '../log/format.js';

/** A redacted line of the log about one feed. */
export interface LogLine {
  /** Counts up from 1 per feed and process. */
  readonly id: number;
  /** RFC 3339. */
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const LINES_KEPT = 500;

/** The last lines of the log, feed by feed. */
export class LogRing {
  readonly #feeds = new Map<string, LogLine[]>();

  /** Takes in a masked line; lines about no feed are left out. */
  add({ level, time, msg, fields: { feed, ...fields } }: Line): void {
    if (typeof feed !== 'string') return;
    const lines = this.#feeds.get(feed) ?? [];
    this.#feeds.set(feed, lines);
    lines.push({ id: (lines.at(-1)?.id ?? 0) + 1, time, level, message: msg, fields });
    // Moved seldom rather than with each line.
    if (lines.length >= 2 * LINES_KEPT) lines.splice(0, lines.length - LINES_KEPT);
  }

  /** The lines after the one of this id, oldest first. */
  after(feed: string, id: number): readonly LogLine[] {
    const kept = this.#feeds.get(feed)?.slice(-LINES_KEPT) ?? [];
    return kept.filter((line) => line.id > id);
  }

  forget(feed: string): void {
    this.#feeds.delete(feed);
  }
}
