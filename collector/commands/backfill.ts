import { formatSecond } from '../../mappings/instant.js';
import { type BackfillPart, narrowed, planBackfill } from '../backfill/plan.js';
import { type BackfillProgress, runBackfill } from '../backfill/run.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { asCollectorError, exitCodes } from '../errors.js';
import { formatDuration } from '../log/duration.js';
import type { Log } from '../log/logger.js';
import type { FeedSettings } from '../pipeline/dependencies.js';
import { type EventType, sameTypes } from '../position/event-families.js';
import type { Range } from '../position/time-range.js';
import { assembleFeed } from '../runtime/feed-for-command.js';
import { eventTypesOf } from './event-types-flag.js';
import { setUp } from './load.js';
import { bar, progressLine } from './progress.js';
import { rangeOf } from './range.js';
import { listenForStop } from './shutdown.js';

/** Concurrent searches of a backfill, within its own limit of requests per second. */
const CONCURRENCY = 3;
/** Without a terminal: the interval between lines. */
const LINE_EVERY_MS = 10_000;

/** What a backfill is asked for on the command line. */
interface Asked {
  readonly range: Range;
  /** Undefined: those of the feed. */
  readonly types: readonly EventType[] | undefined;
  readonly dryRun: boolean;
}

/** `backfill`: past days of every configured feed, each in a lane of its own. */
export async function backfill(
  flags: Flags & { from: string; to: string; eventTypes?: unknown; dryRun: boolean },
): Promise<number> {
  const asked = { range: rangeOf(flags), types: eventTypesOf(flags.eventTypes), dryRun: flags.dryRun };
  const { config, log } = setUp(flags);
  const stopping = listenForStop(log, config.shared.shutdown.graceMs);
  let code: number = exitCodes.done;
  try {
    for (const feed of config.feeds) {
      const isWhole = await backfillFeed(feed, asked, log.child({ feed: feed.name }), stopping.signal);
      if (!isWhole) code = exitCodes.laneInUse;
    }
    return stopping.signal.aborted ? exitCodes.tryAgain : code;
  } finally {
    stopping.release();
    await log.close();
  }
}

/** False where a part of the range is left to another process, which reads it now. */
async function backfillFeed(
  config: FeedConfig,
  { range, types, dryRun }: Asked,
  log: Log,
  signal: AbortSignal,
): Promise<boolean> {
  const { settings, parts, client, close } = await assembleFeed(config, log, CONCURRENCY);
  const line = progressLine(process.stderr);
  let isWhole = true;
  try {
    const plan = await planBackfill(range, settings, parts, { dryRun, signal, ...(types && { types }) });
    for (const note of plan.notes) log.warn(note);
    if (plan.ranges.length === 0) log.info('this range is already collected');
    for (const part of plan.ranges) {
      const span = spanOf(part, settings);
      if (dryRun) {
        const { services } = narrowed(settings, part.types);
        const count = await client.count({ services, start: part.from, end: part.to }, signal);
        process.stdout.write(`${span}: ${count} records\n`);
        continue;
      }
      try {
        await runBackfill(part, settings, parts, signal, reporter(log, line.show));
        line.clear();
        if (!signal.aborted) log.info(`backfilled ${span}`);
      } catch (error) {
        const failure = asCollectorError(error);
        if (failure.code !== 'LANE_IN_USE') throw failure;
        isWhole = false;
        log.warn(`${span} is left to the process that reads it now: ${failure.message}`, {
          code: failure.code,
          cure: 'Repeat the command when that one has ended: it reads what is left, if anything.',
        });
      }
    }
    return isWhole;
  } finally {
    line.clear();
    await close();
  }
}

/** A range in words; event types only where they are not those of the feed. */
function spanOf({ from, to, types }: BackfillPart, { families }: FeedSettings): string {
  const named = sameTypes(types, families) ? '' : `, ${types.join(' and ')} alone`;
  return `${formatSecond(from)} to ${formatSecond(to)}${named}`;
}

/** A bar on a terminal, a line every ten seconds elsewhere. */
function reporter(log: Log, show: (text: string) => void): (progress: BackfillProgress) => void {
  let last = performance.now();
  return ({ lane, from, to, settled, records, expected, perSecond, secondsLeft }) => {
    const share = expected ? Math.min(1, records / expected) : (settled - from) / (to - from);
    const rate = Math.round(perSecond);
    const of = expected === undefined ? '' : ` of ${expected}`;
    const left = secondsLeft === undefined ? '' : `, ${formatDuration(secondsLeft)} left`;
    show(`${bar(share)} ${records}${of} records, ${rate}/s${left}`);
    if (process.stderr.isTTY || performance.now() - last < LINE_EVERY_MS) return;
    last = performance.now();
    log.info('backfilling', { lane, settled: formatSecond(settled), records, expected, perSecond: rate });
  };
}
