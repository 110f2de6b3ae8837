import { isObject } from '../../../mappings/json.js';
import { isStoredCursor, type StoredCursor } from '../../position/cursor-codec.js';
import type { DedupeFile } from '../files/dedupe-files.js';

/** A lane's state. */
export interface LaneState {
  /** Counts the lane's commits. */
  readonly sequence: number;
  readonly cursor: StoredCursor;
  readonly seen: readonly DedupeFile[];
  /** Sizes of the side files at the commit. What follows is from a commit that did not reach its commit point. */
  readonly deadLetterBytes: number;
  readonly rawBytes: number;
}

/** True for a state as this version writes it. */
export function isLaneState(value: unknown): value is LaneState {
  return (
    isObject(value) &&
    Number.isSafeInteger(value.sequence) &&
    isStoredCursor(value.cursor) &&
    Array.isArray(value.seen) &&
    value.seen.every((one) => isObject(one) && typeof one.name === 'string' && typeof one.lastMinute === 'number') &&
    Number.isSafeInteger(value.deadLetterBytes) &&
    Number.isSafeInteger(value.rawBytes)
  );
}
