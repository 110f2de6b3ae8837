import type { Clock } from '../clock.js';
import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import type { Log } from '../log/logger.js';
import { sinks } from '../sinks/registry.js';
import type { Sink } from '../sinks/sink.js';

/**
 * Opens the sink that a feed is configured with; each sink's libraries are loaded only when it is used.
 * @param wait whether opening a lane that another instance holds waits for it (Kafka), or is refused
 * @throws CollectorError CONFIG_INVALID
 */
export async function openSink(config: FeedConfig, log: Log, clock: Clock, wait = false): Promise<Sink> {
  const load = sinks[config.sink];
  if (load === undefined)
    throw new CollectorError(
      'INTERNAL',
      `The sink ${config.sink} is in the configuration's schema, but not in sinks/registry.ts.`,
      {
        cure: 'This is a defect: please report it.',
      },
    );
  return (await load())(config, { log, clock, wait });
}
