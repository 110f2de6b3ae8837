import { dirname, join } from 'node:path';
import { storageFailed } from '../../errors.js';
import { namesIn } from '../../files/durable-file.js';
import type { Cursor } from '../../position/cursor.js';
import { decodeCursor, type StoredCursor } from '../../position/cursor-codec.js';
import { sortLanes } from '../../position/lane-name.js';
import { readLastState } from './state-file.js';

/** What the state file of every lane holds, whatever the sink. */
export interface StateWithCursor {
  readonly cursor: StoredCursor;
}

/**
 * The cursor in a lane's state file, read without its lock; its copy's where the file is damaged. Undefined where there is neither.
 * @param base the files' path without `.json` and `.bak`
 * @throws CollectorError STATE_CORRUPT where neither can be read though one is there, STORAGE_FAILED where the directory cannot be read.
 */
export async function peekCursor<State extends StateWithCursor>(
  base: string,
  isState: (value: unknown) => value is State,
): Promise<Cursor | undefined> {
  try {
    const last = await readLastState(base, isState);
    return last && decodeCursor(last.state.cursor);
  } catch (error) {
    throw storageFailed(error, dirname(base));
  }
}

/** Names of the lanes whose state lies in a directory, `live` first, then by name. */
export async function laneNames<State extends StateWithCursor>(
  directory: string,
  isState: (value: unknown) => value is State,
): Promise<string[]> {
  const names = await namesIn(directory);
  const bases = new Set(
    names.filter((name) => /^[^.].*\.(json|bak)$/.test(name)).map((name) => name.replace(/\.(json|bak)$/, '')),
  );
  const lanes: string[] = [];
  for (const base of bases) {
    const lane = (await peekCursor(join(directory, base), isState))?.lane;
    if (lane !== undefined) lanes.push(lane);
  }
  return sortLanes(lanes);
}
