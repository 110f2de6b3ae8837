import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import { storageFailed } from '../errors.js';
import { isMissing, makeDirectory, replaceFile } from '../files/durable-file.js';
import type { Pause } from '../monitoring/status/supervision.js';

/** A pause as it is stored: with the moment up to which the feed had read. */
export interface StoredPause extends Pause {
  /** RFC 3339; absent where it had not read anything. */
  readonly readUpTo?: string;
}

/** The pauses of the process, in one file, so that they last over restarts. */
export interface Pauses {
  get(feed: string): StoredPause | undefined;
  /** @throws CollectorError STORAGE_FAILED; then the pause is not in force */
  set(feed: string, pause: StoredPause | undefined): Promise<void>;
}

/**
 * Reads the pauses of this file, which need not exist yet.
 * @throws CollectorError STORAGE_FAILED where it cannot be read: a feed that somebody paused must not run unnoticed
 */
export function openPauses(path: string): Pauses {
  const pauses = new Map(Object.entries(read(path)).filter(isPause));
  let writing: Promise<void> = Promise.resolve();
  const store = async () => {
    try {
      await makeDirectory(dirname(path));
      await replaceFile(path, `${JSON.stringify(Object.fromEntries(pauses), null, 2)}\n`);
    } catch (error) {
      throw storageFailed(error, dirname(path));
    }
  };
  return {
    get: (feed) => pauses.get(feed),
    async set(feed, pause) {
      const before = pauses.get(feed);
      put(pauses, feed, pause);
      writing = writing.catch(() => undefined).then(store);
      await writing.catch((error: unknown) => {
        put(pauses, feed, before);
        throw error;
      });
    },
  };
}

function put(pauses: Map<string, StoredPause>, feed: string, pause: StoredPause | undefined): void {
  if (pause === undefined) pauses.delete(feed);
  else pauses.set(feed, pause);
}

function read(path: string): JsonObject {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as JsonValue;
    return isObject(value) ? value : {};
  } catch (error) {
    if (isMissing(error)) return {};
    throw storageFailed(error, dirname(path));
  }
}

function isPause(entry: [string, JsonValue | undefined]): entry is [string, JsonObject & StoredPause] {
  const [, value] = entry;
  if (value === undefined || !isObject(value)) return false;
  return ['by', 'since', 'reason'].every((name) => typeof value[name] === 'string');
}
