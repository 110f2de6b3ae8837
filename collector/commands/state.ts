import { floorToSecond, formatSecond, parseInstant } from '../../mappings/instant.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { CollectorError, exitCodes } from '../errors.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import { type Cursor, firstCursor } from '../position/cursor.js';
import { describeLane, type LaneReport, reportLane } from '../position/lane-report.js';
import { movePosition } from '../position/reposition.js';
import { settingsOf } from '../runtime/assemble.js';
import { openSink } from '../runtime/open-sink.js';
import { positionOnly } from '../sinks/batch.js';
import type { Sink } from '../sinks/sink.js';
import { chosen } from './choose-feed.js';
import { confirm } from './confirm.js';
import { setUp } from './load.js';
import { writeJson, writeText } from './output.js';

/** `state show`: where every lane of every feed stands. */
export async function showState(flags: Flags & { json: boolean; feed?: string | undefined }): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feeds = flags.feed === undefined ? config.feeds : [chosen(config.feeds, flags.feed)];
    const reports: LaneReport[] = [];
    for (const feed of feeds) reports.push(...(await reportFeed(feed, log.child({ feed: feed.name }))));
    if (flags.json) writeJson(process.stdout, reports);
    else if (reports.length === 0) process.stdout.write('No lane has ever committed anything.\n');
    else writeText(process.stdout, reports.map((report) => describeLane(report, Date.now())).join('\n'));
    return exitCodes.done;
  } finally {
    await log.close();
  }
}

async function reportFeed(config: FeedConfig, log: Log): Promise<LaneReport[]> {
  const sink = await openSink(config, log, systemTiming);
  try {
    const reports: LaneReport[] = [];
    for (const lane of await sink.lanes()) {
      const cursor = await sink.peek(lane);
      if (cursor) reports.push(reportLane(cursor, sink.target, await sink.holder?.(lane)));
    }
    return reports;
  } finally {
    await sink.close();
  }
}

/** `state set`: moves a lane that nobody runs. */
export async function setState(
  flags: Flags & { lane: string; settled: string; yes: boolean; feed?: string | undefined },
): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feed = chosen(config.feeds, flags.feed);
    const instant = parseInstant(flags.settled);
    if (instant === undefined)
      throw new CollectorError('USAGE', `--settled ${flags.settled} is no RFC 3339 date-time.`, {
        cure: 'Write it like 2026-11-01T12:00:00Z.',
      });
    return await moveLane(feed, flags.lane, floorToSecond(instant), flags.yes, log.child({ feed: feed.name }));
  } finally {
    await log.close();
  }
}

async function moveLane(feed: FeedConfig, lane: string, target: number, yes: boolean, log: Log): Promise<number> {
  const sink = await openSink(feed, log, systemTiming);
  try {
    const stored = await storedPosition(feed, sink, lane, target);
    const now = Date.now();
    const move = (cursor: Cursor) => movePosition(cursor, target, now, sink.find !== undefined);
    const moved = move(stored);
    writeText(process.stderr, `${feed.name}, lane ${lane}: ${standsAt(stored)} → ${standsAt(moved.cursor)}\n`);
    for (const line of moved.meaning) writeText(process.stderr, `  ${line}\n`);
    if (!(await confirm('Move it?', yes))) return exitCodes.done;
    await storePosition(sink, lane, (cursor) => move(cursor ?? stored).cursor);
    writeText(process.stdout, `${feed.name}, lane ${lane}: stands at ${standsAt(moved.cursor)} now\n`);
    return exitCodes.done;
  } finally {
    await sink.close();
  }
}

/** Where the sink can replace a damaged position, it gets a first one; what lies before that belongs to backfills. */
async function storedPosition(feed: FeedConfig, sink: Sink, lane: string, target: number): Promise<Cursor> {
  let stored: Cursor | undefined;
  try {
    stored = await sink.peek(lane);
  } catch (error) {
    if (!(error instanceof CollectorError && error.code === 'STATE_CORRUPT' && sink.resetPosition)) throw error;
    const { name, baseUrl, organization, services } = settingsOf(feed, sink);
    return firstCursor({ feed: name, lane, organization, baseUrl, start: target, services, now: Date.now() });
  }
  if (stored !== undefined) return stored;
  const lanes = await sink.lanes();
  throw new CollectorError('USAGE', `Lane ${lane} of feed ${feed.name} has no position: it never ran.`, {
    cure:
      lanes.length > 0
        ? `Name one of ${lanes.join(', ')} with --lane.`
        : 'Where a first run begins is set with poll.start.',
  });
}

/** @throws CollectorError LANE_IN_USE while somebody runs the lane */
async function storePosition(sink: Sink, lane: string, next: (stored: Cursor | undefined) => Cursor): Promise<void> {
  if (sink.resetPosition) return sink.resetPosition(lane, next);
  const target = sink.lane(lane);
  try {
    // The position is read again under the lock: a run may have moved it meanwhile.
    await target.commit(positionOnly(next((await target.open())?.cursor)));
  } finally {
    await target.close();
  }
}

function standsAt({ position }: Cursor): string {
  return formatSecond(position.watermark);
}
