import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../clock.js';
import type { ConfiguredFeed, InvalidFeed } from '../config/configured-feed.js';
import { kafkaOf } from '../config/destination.js';
import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { isMissing, replaceFile } from '../files/durable-file.js';
import type { Log } from '../log/logger.js';
import { LIVE_LANE } from '../position/lane-name.js';
import { type JournalDelivery, startJournalDelivery } from '../runtime/journal-delivery.js';
import { activityEvent } from './activity-event.js';
import { AUDIT } from './audit.js';

/** The name under which the console's own events are delivered: of their feed, and of where they lie. */
export const ACTIVITY = 'collector_activity';

export interface DeliveryOptions {
  /** `console.directory`, absolute. */
  readonly directory: string;
  /** As `Supervisor.readFeed`: the destination is that of feeds for which nothing else is said. */
  readonly readFeed: (name: string, yaml: string, file: string) => ConfiguredFeed | InvalidFeed;
  readonly clock: Pick<Clock, 'now' | 'sleep' | 'monotonic'>;
  readonly log: Log;
}

/** Delivers each line of the audit as an OCSF event, exactly once. */
export async function startActivityDelivery(options: DeliveryOptions): Promise<JournalDelivery> {
  const { directory, clock, log } = options;
  const installation = await installationOf(directory);
  const destination = destinationOf(options);
  if (destination === undefined) {
    log.warn('the console’s own events are delivered nowhere: the sink of feeds is not configured; the audit has them');
    return { wake: () => undefined, isFailing: () => false, close: async () => undefined };
  }
  return startJournalDelivery(
    {
      directory,
      name: AUDIT,
      destination,
      lane: LIVE_LANE,
      source: `urn:jumpcloud-ocsf:console:${installation}`,
      eventsOf: (line) => [activityEvent(line, installation)],
    },
    clock,
    log,
  );
}

/** The sink of feeds for which nothing else is said: a topic of their own in Kafka, else tables in `console.directory`. */
function destinationOf({ directory, readFeed }: DeliveryOptions): FeedConfig | undefined {
  const read = (document: object) => {
    const found = readFeed(ACTIVITY, stringify({ name: ACTIVITY, ...document }), ACTIVITY);
    return 'config' in found ? found.config : undefined;
  };
  const usual = read({ jumpcloud: { apiKey: 'none' } });
  const kafka = usual && kafkaOf(usual);
  if (kafka === undefined) return read({ sink: 'tables', tables: { directory: join(directory, ACTIVITY) } });
  const topic = `${kafka.topicPrefix}${ACTIVITY}`;
  const names = { ...Object.fromEntries(kafka.topics.names), api_activity: topic, authentication: topic };
  return read({ sink: 'kafka', kafka: { topics: { names } } });
}

/** Tells apart the consoles whose events end in one place: made once. */
async function installationOf(directory: string): Promise<string> {
  const path = join(directory, 'installation');
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (!isMissing(error))
      throw new CollectorError('STORAGE_FAILED', `${path} cannot be read.`, {
        cure: 'Give the collector’s user read access to console.directory.',
        cause: error,
      });
    const made = randomUUID();
    await replaceFile(path, `${made}\n`);
    return made;
  }
}
