import type { FeedConfig } from '../config/feed-config.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import { logUnreadableNames } from '../monitoring/inventory-log.js';
import { settingsOf } from '../runtime/assemble.js';
import { openSink } from '../runtime/open-sink.js';
import { type LetterSelection, unresolvedLetters } from './dead-letters.js';
import { type ReplayReport, replayLetters } from './replay.js';

/**
 * Maps the dead letters of a feed again and delivers what has become of them.
 * @param dryRun nothing is delivered
 * @throws CollectorError as the sink's lane does
 */
export async function replayFeed(
  feed: FeedConfig,
  selection: LetterSelection,
  dryRun: boolean,
  log: Log,
): Promise<ReplayReport> {
  const sink = await openSink(feed, log, systemTiming);
  try {
    const { baseUrl, classes, rawData, mapper, target, accountName, enrich } = settingsOf(
      feed,
      sink,
      logUnreadableNames(log),
    );
    return await replayLetters(() => unresolvedLetters(feed.name, sink, selection), sink, systemTiming, {
      feed: feed.name,
      baseUrl,
      classes,
      mapping: { rawData, mapper, target, accountName, enrich },
      dryRun,
    });
  } finally {
    await sink.close();
  }
}
