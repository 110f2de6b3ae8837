import type { FeedConfig } from '../config/feed-config.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import { openSink } from '../runtime/open-sink.js';
import { type Finding, findingOf } from './finding.js';

/** Whether a feed's records can go where the configuration sends them. */
export async function checkSink(config: FeedConfig, log: Log): Promise<Finding[]> {
  const feed = config.name;
  try {
    const sink = await openSink(config, log, systemTiming);
    try {
      return ((await sink.check?.()) ?? []).map((finding) => ({ feed, ...finding }));
    } finally {
      await sink.close();
    }
  } catch (error) {
    return [findingOf(error, feed, config.sink)];
  }
}
