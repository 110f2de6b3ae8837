import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { Clock } from '../clock.js';
import type { ConfiguredFeed, InvalidFeed } from '../config/configured-feed.js';
import { kafkaOf } from '../config/destination.js';
import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { isMissing, replaceFile } from '../files/durable-file.js';
import { journalLines } from '../files/hash-chained-journal.js';
import type { Log } from '../log/logger.js';
import { type Cursor, firstCursor } from '../position/cursor.js';
import { LIVE_LANE } from '../position/lane-name.js';
import { openSink } from '../runtime/open-sink.js';
import { positionOnly } from '../sinks/batch.js';
import { type AuditRecord, activityEvent } from './activity-event.js';
import { AUDIT } from './audit.js';

/** The name under which the console's own events are delivered: of their feed, and of where they lie. */
export const ACTIVITY = 'collector_activity';

const BATCH = 500;
/** Lines that come within this are one commit. */
const GATHER_MS = 2_000;
const RETRY_MS = 30_000;

/** Delivers each line of the audit as an OCSF event, exactly once. */
export interface ActivityDelivery {
  /** A line was written. */
  wake(): void;
  /** Delivers what was written until now, as far as that is possible at once. */
  close(): Promise<void>;
}

export interface DeliveryOptions {
  /** `console.directory`, absolute. */
  readonly directory: string;
  /** As `Supervisor.readFeed`: the destination is that of feeds for which nothing else is said. */
  readonly readFeed: (name: string, yaml: string, file: string) => ConfiguredFeed | InvalidFeed;
  readonly clock: Pick<Clock, 'now' | 'sleep' | 'monotonic'>;
  readonly log: Log;
}

/**
 * The audit is the source, and the lane's position says how many of its lines are delivered: a line and the position after
 * it are one commit, so that a crash neither loses nor repeats one.
 */
export async function startActivityDelivery(options: DeliveryOptions): Promise<ActivityDelivery> {
  const { directory, clock, log } = options;
  const installation = await installationOf(directory);
  const config = destinationOf(options);
  if (config === undefined) {
    log.warn('the console’s own events are delivered nowhere: the sink of feeds is not configured; the audit has them');
    return { wake: () => undefined, close: async () => undefined };
  }
  const stopping = new AbortController();
  let pending = true;
  let arrived: () => void = () => undefined;
  const loop = async () => {
    while (!stopping.signal.aborted) {
      if (!pending)
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      await clock.sleep(GATHER_MS, stopping.signal);
      pending = false;
      try {
        await deliver(config, installation, options);
        log.recovered(ACTIVITY);
      } catch (error) {
        pending = true;
        log.failing(ACTIVITY, error);
        await clock.sleep(RETRY_MS, stopping.signal);
      }
    }
  };
  const ended = loop();
  return {
    wake() {
      pending = true;
      arrived();
    },
    async close() {
      stopping.abort();
      arrived();
      await ended;
    },
  };
}

async function deliver(
  config: FeedConfig,
  installation: string,
  { directory, log, clock }: DeliveryOptions,
): Promise<void> {
  if ((await journalLines(directory, AUDIT).next()).done === true) return;
  const sink = await openSink(config, log, clock);
  const lane = sink.lane(LIVE_LANE);
  try {
    const committed = await lane.open();
    const now = clock.now();
    let cursor: Cursor =
      committed?.cursor ??
      firstCursor({
        feed: ACTIVITY,
        lane: LIVE_LANE,
        organization: undefined,
        baseUrl: `urn:jumpcloud-ocsf:console:${installation}`,
        start: Math.floor(now / 1000),
        services: [],
        now,
      });
    let events: NormalisedEvent[] = [];
    const commit = async () => {
      const { counts } = cursor;
      const all = counts.events + events.length;
      cursor = { ...cursor, counts: { ...counts, records: all, events: all }, committedAt: clock.now() };
      await lane.commit({ ...positionOnly(cursor), events });
      events = [];
    };
    for await (const { number, entry } of journalLines(directory, AUDIT)) {
      if (number <= cursor.counts.events) continue;
      events.push(activityEvent(entry as unknown as AuditRecord, number, installation));
      if (events.length >= BATCH) await commit();
    }
    if (events.length > 0) await commit();
  } finally {
    await lane.close();
    await sink.close();
  }
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
