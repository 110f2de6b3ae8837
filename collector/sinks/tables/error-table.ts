import type { CollectorError } from '../../errors.js';
import { errno, storageFailed } from '../../errors.js';

/** What an error of DuckDB means to the tables. */
export type DuckDBFault =
  /** Another process has the database file open: it holds the lock. */
  | 'locked'
  /** A file that was listed is gone: compaction or `keepDays` took it away. List again. */
  | 'vanished'
  /** A value in the rows does not fit its column. */
  | 'content'
  /** The rows at hand take more than the memory limit, or concurrent statements hold it. */
  | 'memory'
  /** A defect of DuckDB showed: this DuckDB takes no more statements. */
  | 'broken'
  /** The file system refuses. */
  | 'io';

interface DuckDBErrorRow {
  /** DuckDB 1.x passes on texts only, which begin with the kind of the error: `IO Error: …`. */
  readonly text: RegExp;
  readonly fault: DuckDBFault;
  /** The system error that the text spells out. */
  readonly errno?: string;
}

/** First match wins. */
const duckdbErrors: readonly DuckDBErrorRow[] = [
  // These two first: their texts may quote a record. Those of the file system are all IO errors: other texts may quote a statement.
  { text: /^(Invalid Input|Conversion) Error/, fault: 'content' },
  { text: /^Out of Memory Error/, fault: 'memory' },
  { text: /^(INTERNAL|FATAL) Error/, fault: 'broken' },
  { text: /IO Error: Could not set lock on file.*Conflicting lock is held/s, fault: 'locked' },
  // Anything else says that the file system has no locks.
  { text: /IO Error: Could not set lock on file/, fault: 'io', errno: 'ENOLCK' },
  { text: /IO Error: .*(no space left|disk full|not enough space)/is, fault: 'io', errno: 'ENOSPC' },
  { text: /IO Error: .*quota exceeded/is, fault: 'io', errno: 'EDQUOT' },
  { text: /IO Error: .*permission denied/is, fault: 'io', errno: 'EACCES' },
  { text: /IO Error: .*read-only file system/is, fault: 'io', errno: 'EROFS' },
  { text: /IO Error: .*too many open files/is, fault: 'io', errno: 'EMFILE' },
  { text: /IO Error: .*(No files found|No such file|Cannot open file)/is, fault: 'vanished' },
  { text: /^IO Error/, fault: 'io' },
];

/** What an error means; undefined for one that DuckDB did not raise, or that this table does not list. */
export function duckdbFault(error: unknown): DuckDBFault | undefined {
  return rowOf(error)?.fault;
}

/** True for an error about a file that was listed and is gone. */
export function isVanished(error: unknown): boolean {
  return duckdbFault(error) === 'vanished';
}

/** Who holds the lock, out of an error that is `locked`. */
export function lockHolder(error: unknown): string {
  const pid = /PID (\d+)/.exec(textOf(error))?.[1];
  return pid === undefined ? 'another process' : `process ${pid}`;
}

/** STORAGE_FAILED around an error of the file system or of DuckDB; a CollectorError stays as it is. */
export function tablesFailed(error: unknown, directory: string): CollectorError {
  return storageFailed(error, directory, errno(error) ?? rowOf(error)?.errno);
}

function rowOf(error: unknown): DuckDBErrorRow | undefined {
  const text = textOf(error);
  return duckdbErrors.find((row) => row.text.test(text));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
