import { join } from 'node:path';
import { isObject } from '../../../mappings/json.js';
import { CollectorError } from '../../errors.js';
import { namesIn } from '../../files/durable-file.js';
import { fileNameOf } from '../../files/file-name.js';
import { isStoredCursor, type StoredCursor } from '../../position/cursor-codec.js';
import { isLive } from '../../position/lane-name.js';
import type { DedupeFile } from '../files/dedupe-files.js';
import { readState } from '../files/state-file.js';
import { type DataFile, laneId } from './data-file.js';

/**
 * A lane's state: the commit point of what the lane appends and rewrites. What is in the tables' logs already is theirs;
 * `files` and `replaced` are what they may still lack.
 */
export interface LaneState {
  /** Counts the lane's commits, rewritings among them. */
  readonly sequence: number;
  readonly cursor: StoredCursor;
  /** Files of the last commit, and of earlier ones that had not reached the logs when it was made. */
  readonly files: readonly DataFile[];
  /** Files whose rows are in `files` now; relative to the tables' directory. */
  readonly replaced: readonly string[];
  readonly seen: readonly DedupeFile[];
}

/**
 * True for a state as this version writes it.
 * @throws CollectorError STATE_OUTDATED for one of a directory without logs
 */
export function isLaneState(value: unknown): value is LaneState {
  if (!isObject(value)) return false;
  const { sequence, cursor, files, replaced, seen } = value;
  if ('retired' in value) throw outdated('A lane’s state');
  return (
    Number.isSafeInteger(sequence) &&
    isStoredCursor(cursor) &&
    Array.isArray(files) &&
    files.every(isDataFile) &&
    Array.isArray(replaced) &&
    replaced.every((file) => typeof file === 'string') &&
    Array.isArray(seen) &&
    seen.every((one) => isObject(one) && typeof one.name === 'string' && typeof one.lastMinute === 'number')
  );
}

function isDataFile(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { file, bytes, rows, writtenAt, lanes } = value;
  return (
    typeof file === 'string' && [bytes, rows, writtenAt].every((one) => typeof one === 'number') && isObject(lanes)
  );
}

/** @param what begins a sentence */
export function outdated(what: string): CollectorError {
  return new CollectorError(
    'STATE_OUTDATED',
    `${what} is of an earlier version, whose tables had no log: other engines could not read them, and this program cannot go on from it.`,
    {
      cure: 'Name a new directory (tables.directory) and fetch with `jumpcloud-ocsf backfill` what JumpCloud still keeps. The old data stays as it is.',
    },
  );
}

/** A lane's state, and where its files wait until they are published. */
export interface StoredLane {
  readonly id: string;
  readonly state: LaneState;
  readonly staging: string;
}

/**
 * The state of every lane of every feed, by `laneId`. A lane whose state cannot be read is left out: what the logs name of
 * it was committed, and its collector says what is wrong.
 * @throws CollectorError STATE_OUTDATED
 */
export async function readLaneStates(directory: string): Promise<ReadonlyMap<string, StoredLane>> {
  const states = new Map<string, StoredLane>();
  const root = join(directory, '.state');
  for (const feed of await namesIn(root)) {
    if (feed.startsWith('.')) continue;
    for (const name of await namesIn(join(root, feed))) {
      if (name.startsWith('.') || !name.endsWith('.json')) continue;
      const read = await readState(join(root, feed, name), isLaneState);
      if (read.kind !== 'valid') continue;
      const { feed: feedName, lane } = read.state.cursor;
      const id = laneId(feedName, lane);
      states.set(id, { id, state: read.state, staging: join(root, feed, `${fileNameOf(lane)}.aside`) });
    }
  }
  return states;
}

/** The latest moment, epoch milliseconds, up to which a live lane of any feed has read; 0 where there is none. */
export async function latestPosition(directory: string): Promise<number> {
  const states = await readLaneStates(directory);
  const live = [...states.values()].map(({ state }) => state.cursor).filter(({ lane }) => isLive(lane));
  return Math.max(0, ...live.map(({ settled }) => Date.parse(settled)));
}

/** A lane whose state cannot be read: what it has committed and no log names is unknown. */
export interface UnreadableLane {
  /** Its state, relative to `.state`: `acme/live.json`. */
  readonly file: string;
  readonly reason: string;
  /** How the names of its files begin (`filePrefix`). */
  readonly prefix: string;
}

/**
 * The lanes whose state is damaged, or missing while its copy is there.
 * @throws CollectorError STATE_OUTDATED
 */
export async function unreadableLanes(directory: string): Promise<UnreadableLane[]> {
  const lanes: UnreadableLane[] = [];
  const root = join(directory, '.state');
  for (const feed of await namesIn(root)) {
    if (feed.startsWith('.')) continue;
    const names = (await namesIn(join(root, feed))).filter((name) => !name.startsWith('.'));
    for (const lane of new Set(names.flatMap((name) => /^(.+)\.(?:json|bak)$/.exec(name)?.[1] ?? []))) {
      const read = await readState(join(root, feed, `${lane}.json`), isLaneState);
      if (read.kind === 'valid') continue;
      const reason = read.kind === 'absent' ? 'it is missing' : read.reason;
      lanes.push({ file: `${feed}/${lane}.json`, reason, prefix: `${feed}-${lane}-` });
    }
  }
  return lanes;
}
