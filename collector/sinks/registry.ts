import type { Clock } from '../clock.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { Log } from '../log/logger.js';
import type { Sink } from './sink.js';

/** What a sink takes from the rest of the program. */
export interface SinkDependencies {
  readonly log: Log;
  readonly clock: Clock;
  /** Whether opening a lane that another instance holds waits until it is free, where the sink can wait; else it is refused. */
  readonly wait: boolean;
}

/** Makes a sink out of a feed's configuration. Touches neither the destination nor the network. @throws CollectorError CONFIG_INVALID */
export type OpenSink = (config: FeedConfig, dependencies: SinkDependencies) => Sink;

/** Every sink by the name that the configuration gives it (`sink`). What a sink needs is loaded when it is used. */
export const sinks: Readonly<Record<string, () => Promise<OpenSink>>> = {
  tables: async () => (await import('./tables/settings.js')).openTablesSink,
  kafka: async () => (await import('./kafka/settings.js')).openKafkaSink,
  stdout: async () => (await import('./stdout/settings.js')).openStdoutSink,
};
