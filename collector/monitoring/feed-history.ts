import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, type JsonValue } from '../../mappings/json.js';
import type { Clock } from '../clock.js';
import { isMissing, makeDirectory, replaceFile } from '../files/durable-file.js';
import type { RootLog } from '../log/logger.js';
import type { LaneObserver } from '../reconcile/observer.js';
import { Activity, type ActivityRange, type ActivitySeries, type StoredActivity } from './activity.js';
import { type LogLine, LogRing } from './log-ring.js';

/** What screens show of the past of each feed. */
export interface FeedHistory {
  /** Takes in what a feed does; goes on where the feed of this name was before, also in an earlier process. */
  observe(feed: string): LaneObserver;
  /** Undefined: nothing was recorded. */
  activity(feed: string, range: ActivityRange): ActivitySeries | undefined;
  /** The last lines of its log after the one of this id. */
  log(feed: string, after: number): readonly LogLine[];
  /** A feed that was removed: what is stored stays. */
  forget(feed: string): Promise<void>;
  /** Stores what is known. Never rejects. */
  close(): Promise<void>;
}

const SAVE_EVERY_MS = 5 * 60_000;

/**
 * Opens the history of the process's feeds: a file per feed in this directory, staged, synced and renamed every five
 * minutes and at the end. What cannot be stored or read is said in the log and stops nothing.
 */
export function openHistory(directory: string, log: RootLog, clock: Clock): FeedHistory {
  const ring = new LogRing();
  const feeds = new Map<string, Activity>();
  const closed = new AbortController();
  log.watch((line) => ring.add(line));

  const path = (feed: string) => join(directory, `${feed}.json`);
  const save = async (feed: string, activity: Activity): Promise<void> => {
    try {
      await makeDirectory(directory);
      await replaceFile(path(feed), `${JSON.stringify(activity.store())}\n`);
      log.recovered('history', { feed });
    } catch (error) {
      log.failing('history', error, { feed });
    }
  };
  const saveAll = async (): Promise<void> => {
    for (const [feed, activity] of feeds) await save(feed, activity);
  };
  const saving = (async () => {
    while (!closed.signal.aborted) {
      await clock.sleep(SAVE_EVERY_MS, closed.signal);
      await saveAll();
    }
  })();
  return {
    observe(feed) {
      let activity = feeds.get(feed);
      if (activity === undefined) {
        activity = new Activity(() => clock.now());
        const stored = readStored(path(feed), log.child({ feed }));
        if (stored !== undefined) activity.restore(stored);
        feeds.set(feed, activity);
      }
      return activity.observer;
    },
    activity: (feed, range) => feeds.get(feed)?.series(range),
    log: (feed, after) => ring.after(feed, after),
    async forget(feed) {
      const activity = feeds.get(feed);
      feeds.delete(feed);
      ring.forget(feed);
      if (activity !== undefined) await save(feed, activity);
    },
    async close() {
      closed.abort();
      await saving;
    },
  };
}

function readStored(path: string, log: Pick<RootLog, 'warn'>): StoredActivity | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as JsonValue;
    if (isStored(value)) return value;
    log.warn(`${path} is no history that this version reads: the plots start empty`);
  } catch (error) {
    if (!isMissing(error)) log.warn(`${path} cannot be read: the plots start empty`);
  }
  return undefined;
}

function isStored(value: JsonValue): value is JsonValue & StoredActivity {
  if (!isObject(value) || value.version !== 1) return false;
  return [value.minutes, value.hours].every(
    (ring) => ring !== undefined && isObject(ring) && isNumbers(ring.watched) && isNumbers(ring.rows),
  );
}

function isNumbers(value: JsonValue | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.every((row) => Array.isArray(row) && row.every((number) => Number.isSafeInteger(number)))
  );
}
