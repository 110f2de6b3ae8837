import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { Flags } from '../config/flags.js';
import { CollectorError, exitCodes } from '../errors.js';
import { put } from '../files/put.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { printable, printableJson } from '../log/printable.js';
import { type LetterSelection, unresolvedLetters } from '../reprocess/dead-letters.js';
import type { ReplayReport } from '../reprocess/replay.js';
import { replayFeed } from '../reprocess/replay-feed.js';
import { openSink } from '../runtime/open-sink.js';
import { chosen } from './choose-feed.js';
import { setUp } from './load.js';
import { writeText } from './output.js';
import { rangeOf } from './range.js';

type LetterFlags = Flags & {
  reason?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  feed?: string | undefined;
};

/** `dead-letters list`: what could not become a valid event and was not replayed since. */
export async function listDeadLetters(flags: LetterFlags & { json: boolean }): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feeds = flags.feed === undefined ? config.feeds : [chosen(config.feeds, flags.feed)];
    let count = 0;
    for (const feed of feeds) {
      const sink = await openSink(feed, log.child({ feed: feed.name }), systemTiming);
      try {
        for await (const letter of unresolvedLetters(feed.name, sink, selectionOf(flags))) {
          count += 1;
          await put(process.stdout, flags.json ? `${printableJson(JSON.stringify(letter))}\n` : describe(letter));
        }
      } finally {
        await sink.close();
      }
    }
    if (!flags.json) await put(process.stdout, count === 0 ? 'No dead letters.\n' : `${count} dead letters\n`);
    return exitCodes.done;
  } finally {
    await log.close();
  }
}

/** `dead-letters replay`: maps them again and delivers what has become valid. */
export async function replayDeadLetters(flags: LetterFlags & { dryRun: boolean }): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feed = chosen(config.feeds, flags.feed);
    const report = await replayFeed(feed, selectionOf(flags), flags.dryRun, log.child({ feed: feed.name }));
    writeText(process.stdout, describeReport(report, flags.dryRun));
    return exitCodes.done;
  } finally {
    await log.close();
  }
}

/** @throws CollectorError USAGE */
function selectionOf({ reason, from, to }: LetterFlags): LetterSelection {
  if (from === undefined && to === undefined) return { reason, range: undefined };
  if (from === undefined || to === undefined)
    throw new CollectorError('USAGE', 'A range has two ends.', { cure: 'Give both --from and --to.' });
  return { reason, range: rangeOf({ from, to }) };
}

function describe({ uid, reason, message, details, service, event_type, record_id, ...letter }: DeadLetter): string {
  const time = letter.time ?? letter.fetched_at;
  const when = letter.original_time ?? (time === undefined ? 'no time' : new Date(time).toISOString());
  const about = `${service} ${event_type}`.trim() || 'no type';
  const lines = [`${when}  ${reason}  ${about}  id ${record_id ?? 'none'}  uid ${uid}`, `    ${message}`];
  return `${[...lines, ...details.map((detail) => `    ${detail}`)].map(printable).join('\n')}\n`;
}

function describeReport({ delivered, raw, already, failing, events }: ReplayReport, dryRun: boolean): string {
  const still = Object.entries(failing).map(([reason, count]) => `${count} ${reason}`);
  const lines = [
    `${delivered} ${dryRun ? 'would become' : 'became'} events${raw === 0 ? '' : `, ${raw} ${dryRun ? 'would be' : 'were'} kept raw (classes)`}`,
    ...(still.length === 0 ? [] : [`still dead letters: ${still.join(', ')}`]),
    ...(events === 0 ? [] : [`${events} are events that the sink refused: mapping them again changes nothing`]),
    ...(already === 0 ? [] : [`${already} were replayed before`]),
  ];
  return `${lines.join('\n')}\n`;
}
