import { isObject } from '../../../mappings/json.js';
import { isStoredCursor, type StoredCursor } from '../../position/cursor-codec.js';
import type { DedupeFile } from '../files/dedupe-files.js';

/** A file that is no longer live: compaction put its rows into another, or `keepDays` let it go. */
export interface RetiredFile {
  /** Relative to the tables' directory. */
  readonly file: string;
  /** Epoch milliseconds at which it was retired. */
  readonly at: number;
}

/**
 * A lane's state: the commit point. Live are the lane's published files with a sequence up to `sequence`, and `files`
 * even before they are published, less those retired.
 */
export interface LaneState {
  /** Counts the lane's commits, those of compaction among them. */
  readonly sequence: number;
  readonly cursor: StoredCursor;
  /** Files of this commit, relative to the tables' directory. */
  readonly files: readonly string[];
  readonly retired: readonly RetiredFile[];
  readonly seen: readonly DedupeFile[];
}

/** True for a state as this version writes it. */
export function isLaneState(value: unknown): value is LaneState {
  if (!isObject(value)) return false;
  const { sequence, cursor, files, retired, seen } = value;
  return (
    Number.isSafeInteger(sequence) &&
    isStoredCursor(cursor) &&
    Array.isArray(files) &&
    files.every((file) => typeof file === 'string') &&
    Array.isArray(retired) &&
    retired.every((one) => isObject(one) && typeof one.file === 'string' && typeof one.at === 'number') &&
    Array.isArray(seen) &&
    seen.every((one) => isObject(one) && typeof one.name === 'string' && typeof one.lastMinute === 'number')
  );
}
