import type { QueryLimits } from '../config/feed-config.js';
import type { ErrorCode } from '../errors.js';
import type { BoundParameter } from './parameters.js';
import type { AnswerFormat } from './render.js';

/** What the process of a statement is asked, in its first message. */
export interface StatementRequest {
  readonly sql: string;
  readonly parameters: readonly BoundParameter[];
  readonly directory: string;
  /** The account whose events alone are read; undefined: all. */
  readonly account: string | undefined;
  /** The feed whose rows alone are read; absent: all. */
  readonly feed?: string;
  /** `rows`: as `renderRows` writes them. */
  readonly format: AnswerFormat | 'parquet' | 'rows';
  /** A file that does not exist; undefined: stdout. */
  readonly output: string | undefined;
  readonly limits: QueryLimits;
  readonly skipDamaged: boolean;
  /** Removed by who asks, whatever becomes of this process. */
  readonly temporaryDirectory: string;
}

/** How it ended; `fault` is absent where the answer is complete. */
export interface StatementReport {
  readonly fault?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly cure: string;
    readonly stack: string | undefined;
  };
  /** Files that the answer leaves out. */
  readonly skipped: readonly string[];
}

/** Sent once, before the first byte of the answer. */
export const ANSWERING = 'answering';

/** Sent to the process of a statement: it ends after the row that it is writing. */
export const STOP = 'stop';
