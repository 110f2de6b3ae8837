import type { Flags } from '../config/flags.js';
import { CollectorError, exitCodes } from '../errors.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { printable } from '../log/printable.js';
import { logUnreadableNames } from '../monitoring/inventory-log.js';
import { newRemapReport, type RemapReport, remapping } from '../reprocess/remap.js';
import { settingsOf } from '../runtime/assemble.js';
import { openSink } from '../runtime/open-sink.js';
import type { RewritableLane, Sink } from '../sinks/sink.js';
import { chosen } from './choose-feed.js';
import { confirm } from './confirm.js';
import { setUp } from './load.js';
import { writeText } from './output.js';
import { rangeOf } from './range.js';

/** `remap`: rebuilds the events of a range from their records with today's mapping, lane by lane. */
export async function remap(
  flags: Flags & { from: string; to: string; dryRun: boolean; yes: boolean; feed?: string | undefined },
): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feed = chosen(config.feeds, flags.feed);
    const report = newRemapReport();
    const sink = await openSink(feed, log.child({ feed: feed.name }), systemTiming);
    try {
      const lanes = await openLanes(feed.name, sink);
      const { classes, mapper, target, accountName, enrich } = settingsOf(
        feed,
        { batchSize: 1 },
        logUnreadableNames(log),
      );
      const rewriting = remapping(
        { range: rangeOf(flags), classes, mapping: { mapper, target, accountName, enrich } },
        report,
      );
      await remapLanes(lanes, rewriting, report, flags);
    } finally {
      await sink.close();
    }
    return exitCodes.done;
  } finally {
    await log.close();
  }
}

/**
 * Takes every lane of the feed before anything is changed.
 * @throws CollectorError USAGE for a sink whose events cannot be replaced, LANE_IN_USE while a lane runs
 */
async function openLanes(feed: string, sink: Sink): Promise<RewritableLane[]> {
  if (sink.rewritable === undefined)
    throw new CollectorError('USAGE', `Feed ${feed} delivers to ${sink.kind}, whose events cannot be replaced.`, {
      cure: 'Only tables are remapped.',
    });
  const lanes: RewritableLane[] = [];
  for (const name of await sink.lanes()) {
    const lane = sink.rewritable(name);
    await lane.open();
    lanes.push(lane);
  }
  return lanes;
}

async function remapLanes(
  lanes: readonly RewritableLane[],
  rewriting: ReturnType<typeof remapping>,
  report: RemapReport,
  { dryRun, yes }: { dryRun: boolean; yes: boolean },
): Promise<void> {
  for (const lane of lanes) {
    const before = report.examined;
    let swapped = false;
    await lane.rewrite(rewriting, async () => {
      writeText(
        process.stdout,
        `Lane ${lane.name}, ${report.examined - before} events looked at:\n${describe(report)}`,
      );
      report.changes.clear();
      swapped = !dryRun && (await confirm('Put the new events in place?', yes));
      return swapped;
    });
    const what = swapped ? 'the new events are in place' : 'nothing was changed';
    writeText(process.stdout, `Lane ${lane.name}: ${what}\n`);
  }
  writeText(process.stdout, describeRest(report));
}

function describe({ changes }: RemapReport): string {
  const sorted = [...changes.values()].sort((a, b) => b.count - a.count || (a.eventCode < b.eventCode ? -1 : 1));
  const lines = sorted.map(({ eventCode, from, to, count }) => {
    const what = from === to ? `${from}, other attributes` : `${from} → ${to}`;
    return `  ${String(count).padStart(9)}  ${printable(eventCode)}: ${what}\n`;
  });
  return lines.join('');
}

function describeRest({ examined, unchanged, withoutRaw, unmappable, notDelivered }: RemapReport): string {
  const left = [
    [unchanged, 'the same as before'],
    [withoutRaw, 'without raw_data: left as they are'],
    [unmappable, 'not valid by today’s mapping: left as they are'],
    [notDelivered, 'of a class that is not delivered (classes) by today’s mapping: left as they are'],
  ] as const;
  const lines = left
    .filter(([number]) => number > 0)
    .map(([number, what]) => `  ${String(number).padStart(9)}  ${what}\n`);
  return `${examined} events of the range looked at\n${lines.join('')}`;
}
