import { floorToSecond, formatSecond, parseInstant } from '../../mappings/instant.js';
import { assemble } from '../assemble.js';
import { type BackfillProgress, planBackfill, runBackfill } from '../backfill.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { CollectorError, exitCodes } from '../errors.js';
import { systemTiming } from '../jumpcloud/timing.js';
import type { Log } from '../log.js';
import { openSink } from '../open-sink.js';
import { bar, progressLine, spell } from '../progress.js';
import type { Range } from '../ranges.js';
import { tellClient, tellFeed, tellKeyWarning } from '../tell.js';
import { setUp } from './set-up.js';
import { listenForStop } from './stopping.js';

/** Searches of a backfill run side by side, within its own allowance of requests a second. */
const CONCURRENCY = 3;
/** Without a terminal: one line so often. */
const LINE_EVERY_MS = 10_000;

/** `backfill`: past days of every configured feed, each in a lane of its own. */
export async function backfill(flags: Flags & { from: string; to: string; dryRun: boolean }): Promise<number> {
  const { config, log } = setUp(flags);
  const range = rangeOf(flags);
  const stopping = listenForStop(log, config.shared.shutdown.graceMs);
  try {
    for (const feed of config.feeds) {
      await backfillFeed(feed, range, flags.dryRun, log.child({ feed: feed.name }), stopping.signal);
    }
    return stopping.signal.aborted ? exitCodes.tryAgain : exitCodes.done;
  } finally {
    stopping.release();
    await log.close();
  }
}

/** @throws CollectorError USAGE */
export function rangeOf({ from, to }: { from: string; to: string }): Range {
  const range = { from: secondOf('from', from), to: secondOf('to', to) };
  if (range.from >= range.to) {
    throw new CollectorError('USAGE', `--from ${from} is not before --to ${to}.`, {
      cure: 'Swap them, or widen the range.',
    });
  }
  return range;
}

function secondOf(flag: string, text: string): number {
  const instant = parseInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (instant === undefined) {
    throw new CollectorError('USAGE', `--${flag} ${text} is neither a date nor an RFC 3339 date-time.`, {
      cure: 'Write it like 2026-08-01 (midnight UTC) or 2026-08-01T12:00:00Z.',
    });
  }
  return floorToSecond(instant);
}

async function backfillFeed(
  config: FeedConfig,
  range: Range,
  dryRun: boolean,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const sink = await openSink(config, log, systemTiming);
  const { settings, parts, client } = assemble(config, {
    sink,
    timing: systemTiming,
    observer: tellFeed(log),
    clientObserver: tellClient(log),
    onKeyWarning: (status, threshold) => tellKeyWarning(log, status, threshold, systemTiming.now()),
    concurrency: CONCURRENCY,
  });
  const line = progressLine(process.stderr);
  try {
    const plan = await planBackfill(range, settings, parts, { dryRun, signal });
    for (const note of plan.notes) log.warn(note);
    if (plan.ranges.length === 0) log.info('nothing is left to collect in this range');
    for (const part of plan.ranges) {
      if (dryRun) {
        const count = await client.count({ services: settings.services, start: part.from, end: part.to }, signal);
        process.stdout.write(`${formatSecond(part.from)} to ${formatSecond(part.to)}: ${count} records\n`);
      } else {
        await runBackfill(part, settings, parts, signal, reporter(log, line.show));
        line.clear();
        if (!signal.aborted) log.info(`backfilled ${formatSecond(part.from)} to ${formatSecond(part.to)}`);
      }
    }
  } finally {
    line.clear();
    client.close();
    await sink.close();
  }
}

/** A bar on a terminal, a line every ten seconds elsewhere. */
function reporter(log: Log, show: (text: string) => void): (progress: BackfillProgress) => void {
  const started = performance.now();
  let last = started;
  return ({ lane, from, to, settled, records, expected }) => {
    const seconds = (performance.now() - started) / 1000;
    const share = expected ? Math.min(1, records / expected) : (settled - from) / (to - from);
    const rate = records / Math.max(seconds, 0.001);
    const left = share > 0 ? (seconds / share) * (1 - share) : undefined;
    show(
      `${bar(share)} ${records}${expected === undefined ? '' : ` of ${expected}`} records, ${Math.round(rate)}/s${left === undefined ? '' : `, ${spell(left)} left`}`,
    );
    if (process.stderr.isTTY || performance.now() - last < LINE_EVERY_MS) return;
    last = performance.now();
    log.info('backfilling', { lane, settled: formatSecond(settled), records, expected, perSecond: Math.round(rate) });
  };
}
