import type { FeedConfig } from '../config/feed-config.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import { logUnreadableNames } from '../monitoring/inventory-log.js';
import { clientLogger, feedLogger, logKeyWarning } from '../monitoring/log-observer.js';
import type { Sink } from '../sinks/sink.js';
import { type Assembled, assemble } from './assemble.js';
import { openSink } from './open-sink.js';

/** A feed assembled for a verb other than `run`; its observers only log. */
export interface FeedForVerb extends Pick<Assembled, 'settings' | 'parts' | 'client'> {
  readonly sink: Sink;
  /** Frees the connections and the sink. */
  close(): Promise<void>;
}

/**
 * Assembles a feed on the system clock.
 * @param concurrency requests in flight at the same time; default 1
 * @throws CollectorError CREDENTIAL_MISSING, or what the sink cannot be opened for
 */
export async function assembleFeed(config: FeedConfig, log: Log, concurrency?: number): Promise<FeedForVerb> {
  const sink = await openSink(config, log, systemTiming);
  const { settings, parts, client } = assemble(config, {
    sink,
    timing: systemTiming,
    observer: feedLogger(log),
    clientObserver: clientLogger(log),
    onNamesUnreadable: logUnreadableNames(log),
    onKeyWarning: (status, threshold) => logKeyWarning(log, status, threshold, systemTiming.now()),
    ...(concurrency === undefined ? {} : { concurrency }),
  });
  const close = async () => {
    client.close();
    await sink.close();
  };
  return { settings, parts, client, sink, close };
}
