/** Numbers of a lane since its first commit. At every commit records = events + deadLetters + duplicates + notSelected + raw. */
export interface Counts {
  records: number;
  events: number;
  deadLetters: number;
  duplicates: number;
  /** Of a family (`eventTypes`) that the feed does not collect. */
  notSelected: number;
  /** Of a class (`classes`) that the feed does not deliver: kept raw. */
  raw: number;
  /** Of `events`: those that became visible after a search had already passed their time. */
  late: number;
}

/** How far a lane has come: small, JSON, stored by the sink in the same commit as the records it follows. */
export interface Cursor {
  readonly version: 1;
  readonly feed: string;
  /** `live` or `backfill/<from>_<to>`. */
  readonly lane: string;
  /** The JumpCloud organization and API this state belongs to (design decision 12). Undefined until a record named it. */
  readonly organization: string | undefined;
  readonly baseUrl: string;
  /** Whole second, RFC 3339: live owns instants from here on, backfill those before. */
  readonly origin: string;
  /** Whole second, RFC 3339: everything JumpCloud showed before it has been delivered; searches start at it less the overlap. */
  readonly resume: string;
  /** Services that `resume` speaks for. */
  readonly services: readonly string[];
  /** Services that lag behind `resume` (newly selected, or refused by JumpCloud for a time), each with its own resume point. */
  readonly behind: Readonly<Record<string, string>>;
  readonly counts: Counts;
  /** What other parts must remember with the position, each under its own name (credential header that worked, key life, reconciliation). */
  readonly memory: Readonly<Record<string, unknown>>;
  /** RFC 3339, when this commit was made. */
  readonly committedAt: string;
}
