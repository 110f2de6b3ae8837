import { formatSecond } from '../../mappings/instant.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { type CollectorError, exitCodes } from '../errors.js';
import { put } from '../files/put.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import { printable, printableJson } from '../log/printable.js';
import type { Range } from '../position/time-range.js';
import { type HourFigures, type RangeReport, reconcileRange } from '../reconcile/range-report.js';
import { askRepair, type Listener } from '../reconcile/repair-client.js';
import type { RepairView } from '../reconcile/repair-queue.js';
import { assembleFeed } from '../runtime/feed-for-command.js';
import { setUp } from './load.js';
import { bar, progressLine } from './progress.js';
import { rangeOf } from './range.js';
import { listenForStop } from './shutdown.js';

/** Without a terminal: the interval between lines. */
const LINE_EVERY_MS = 10_000;
const COLUMNS = [
  'hour',
  'service',
  'count',
  'delivered',
  'deadLetters',
  'raw',
  'notSelected',
  'explained',
  'missing',
  'repaired',
] as const satisfies readonly (keyof HourFigures)[];

/**
 * `reconcile`: a range of every configured feed against JumpCloud, service by service and hour by hour.
 * @returns exit code 79 where records are missing, or where it cannot be known
 */
export async function reconcile(
  flags: Flags & { from: string; to: string; repair: boolean; json: boolean },
): Promise<number> {
  const { config, log } = setUp(flags);
  const range = rangeOf(flags);
  const stopping = listenForStop(log, config.shared.shutdown.graceMs);
  let code: number = exitCodes.done;
  try {
    for (const feed of config.feeds) {
      const report = await reconcileFeed(feed, config.shared.http, range, {
        repair: flags.repair,
        log: log.child({ feed: feed.name }),
        signal: stopping.signal,
      });
      for (const line of flags.json ? jsonLines(feed.name, report) : textLines(feed.name, report)) {
        await put(process.stdout, `${flags.json ? printableJson(line) : printable(line)}\n`);
      }
      if (report.verdict === 'different' || report.verdict === 'unknown') code = exitCodes.difference;
    }
    return code;
  } finally {
    stopping.release();
    await log.close();
  }
}

async function reconcileFeed(
  config: FeedConfig,
  listener: Listener,
  range: Range,
  { repair, log, signal }: { repair: boolean; log: Log; signal: AbortSignal },
): Promise<RangeReport> {
  const { settings, parts, close } = await assembleFeed(config, log);
  const line = progressLine(process.stderr);
  try {
    const onHour = (hour: number) => log.debug(`comparing ${formatSecond(hour)}`);
    const ask = async (part: Range, inUse: CollectorError) => {
      log.info('the feed runs: requesting the repair from it', spanOf(part));
      const waiting = { clock: systemTiming, signal, onProgress: reporter(log, line.show) };
      const { found } = await askRepair(config.name, part, listener, inUse, waiting);
      line.clear();
      log.info(`the running feed has delivered ${found} records`, spanOf(part));
    };
    return await reconcileRange(range, settings, parts, { repair, signal, onHour, ask });
  } finally {
    line.clear();
    await close();
  }
}

function spanOf({ from, to }: Range): { from: string; to: string } {
  return { from: formatSecond(from), to: formatSecond(to) };
}

/** A bar on a terminal, a line every ten seconds elsewhere. */
function reporter(log: Log, show: (text: string) => void): (view: RepairView) => void {
  let last = performance.now();
  return ({ minutes, minutesRead, found, error }) => {
    const progress = `${minutesRead} of ${minutes} minutes, ${found} records found`;
    show(`${bar(minutesRead / minutes)} ${progress}${error === null ? '' : `, goes on after ${error.code}`}`);
    if (process.stderr.isTTY || performance.now() - last < LINE_EVERY_MS) return;
    last = performance.now();
    log.info(`the running feed repairs: ${progress}`, error === null ? {} : { code: error.code });
  };
}

/** One line per hour and service, and one with the verdict. */
function jsonLines(feed: string, { hours, notes, verdict }: RangeReport): string[] {
  return [...hours.map((hour) => JSON.stringify({ feed, ...hour })), JSON.stringify({ feed, verdict, notes })];
}

function textLines(feed: string, { hours, notes, verdict }: RangeReport): string[] {
  const cellsOf = (row: HourFigures) => COLUMNS.map((column) => String(row[column] ?? '?'));
  const rows = [[...COLUMNS], ...hours.map(cellsOf), ...(hours.length > 1 ? [cellsOf(totalOf(hours))] : [])];
  const widths = COLUMNS.map((_, index) => Math.max(...rows.map((row) => row[index]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, index) => (index < 2 ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!))).join('  '),
  );
  return [...lines, ...notes, `${feed}: ${verdicts[verdict]}`];
}

function totalOf(hours: readonly HourFigures[]): HourFigures {
  const sum = (column: Exclude<keyof HourFigures, 'hour' | 'service' | 'count'>) =>
    hours.reduce((total, hour) => total + hour[column], 0);
  return {
    hour: 'total',
    service: '',
    count: hours.some(({ count }) => count === undefined)
      ? undefined
      : hours.reduce((total, { count = 0 }) => total + count, 0),
    delivered: sum('delivered'),
    deadLetters: sum('deadLetters'),
    raw: sum('raw'),
    notSelected: sum('notSelected'),
    explained: sum('explained'),
    missing: sum('missing'),
    repaired: sum('repaired'),
  };
}

const verdicts: Readonly<Record<RangeReport['verdict'], string>> = {
  equal: 'equal: every record that JumpCloud shows is held, and its count agrees',
  explained: 'complete: every record that JumpCloud shows is held; its count differs, as the column "explained" says',
  different: 'different: records are missing; repeat with --repair',
  unknown: 'unknown: not all of the range could be compared',
};
