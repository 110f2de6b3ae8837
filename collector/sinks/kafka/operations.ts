import { type Clock, systemClock } from '../../clock.js';
import { CollectorError } from '../../errors.js';
import type { Cursor } from '../../position/cursor.js';
import { createConnection, createKafka, type KafkaLog } from './client/connection.js';
import { asKafkaFailure } from './client/error-table.js';
import { type KafkaOptions, kafkaSettings } from './client/settings.js';
import { withReader } from './client/with-reader.js';
import { KafkaLane } from './lane.js';
import type { LaneParts } from './lane-context.js';
import { laneKeys, requireComplete } from './state/lane-state.js';
import { thisHolder } from './state/process-identity.js';
import { glanceAtLane, readLane } from './state/state-topic.js';
import { findMissing } from './topics/topic-setup.js';
import { createCommand, ownTopic } from './topics/topics.js';

/** What the operator's verbs need besides the options. */
export interface OperationParts {
  readonly log: KafkaLog;
  readonly clock?: Clock;
}

/** A lane as `state show` tells it. */
export interface StoredPosition {
  readonly topic: string;
  readonly lane: string;
  readonly cursor: Cursor | undefined;
  /** Identities remembered, and the records that hold them. */
  readonly remembered: number;
  readonly pieces: number;
  /** Undefined: nobody holds the lane. */
  readonly heldBy: { readonly host: string; readonly pid: number; readonly renewedAt: string } | undefined;
}

/**
 * A lane's position, read without taking the lane.
 * @throws CollectorError
 */
export async function readState(options: KafkaOptions, parts: OperationParts, lane: string): Promise<StoredPosition> {
  const shared = partsOf(options, parts);
  const { settings } = shared;
  const topic = ownTopic(settings, 'state');
  const nothing = { topic, lane, cursor: undefined, remembered: 0, pieces: 0, heldBy: undefined };
  return withReader<StoredPosition>(shared, [topic], nothing, async (reader) => {
    const { entry, lease } = await glanceAtLane(reader, topic, laneKeys(settings.feed, lane));
    const free = lease === undefined || lease.released;
    const { host = '', pid = 0 } = lease?.holder ?? {};
    return {
      ...nothing,
      cursor: entry?.cursor,
      remembered: entry?.hashes ?? 0,
      pieces: entry?.pieces ?? 0,
      heldBy: free ? undefined : { host, pid, renewedAt: lease.renewedAt },
    };
  });
}

/** How long a transaction of another lane may stay open below what is read. */
const PATIENCE_MS = 30_000;

/**
 * The identities that a lane remembers, read without taking the lane.
 * @throws CollectorError STATE_CORRUPT where some of them are gone
 */
export async function readRemembered(
  options: KafkaOptions,
  parts: OperationParts,
  lane: string,
): Promise<ReadonlySet<bigint>> {
  const shared = partsOf(options, parts);
  const { settings } = shared;
  const topic = ownTopic(settings, 'state');
  return withReader<ReadonlySet<bigint>>(shared, [topic], new Set(), async (reader) => {
    const { state, start } = await readLane(reader, topic, laneKeys(settings.feed, lane), PATIENCE_MS);
    requireComplete(state, start);
    return new Set(state.pieces.flatMap(({ hashes }) => [...hashes]));
  });
}

/**
 * Sets a lane's position, or forgets the lane (undefined). What it remembers stays, so that records around the new
 * position are not delivered twice. Also repairs a state that cannot be read.
 * @throws CollectorError LANE_IN_USE while another instance holds the lane; CONFIG_INVALID for a cursor of another lane
 */
export async function writeState(
  options: KafkaOptions,
  parts: OperationParts,
  lane: string,
  cursor: Cursor | undefined,
): Promise<void> {
  const shared = partsOf({ ...options, lease: { ...options.lease, wait: false } }, parts);
  if (cursor !== undefined && (cursor.lane !== lane || cursor.feed !== options.feed)) {
    throw new CollectorError('CONFIG_INVALID', `The position is of ${cursor.feed}, lane ${cursor.lane}.`, {
      cure: `Give a position of ${options.feed}, lane ${lane}.`,
    });
  }
  const target = new KafkaLane(lane, { ...shared, repair: true });
  try {
    await target.open();
    if (cursor === undefined) await target.forget();
    else {
      const evictBefore = Number.NEGATIVE_INFINITY;
      await target.commit({ events: [], deadLetters: [], raw: [], cursor, dedupeAdditions: [], evictBefore });
    }
  } finally {
    await target.close();
  }
}

/**
 * The commands of Kafka's own tools that create the topics which are missing; none where all are there.
 * @throws CollectorError
 */
export async function missingTopicCommands(options: KafkaOptions, parts: OperationParts): Promise<string[]> {
  const { kafka, settings } = partsOf(options, parts);
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await findMissing(admin, settings)).map((plan) => createCommand(plan, settings.brokers));
  } catch (error) {
    throw asKafkaFailure(error, 'looking for topics');
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** What lanes and readers of one operation share. */
export function partsOf(options: KafkaOptions, { log, clock = systemClock }: OperationParts): LaneParts {
  const settings = kafkaSettings(options);
  const connection = createConnection(settings, log);
  return {
    kafka: createKafka(connection),
    connection,
    settings,
    clock,
    log,
    instance: `operator-${process.pid}-${clock.now()}`,
    holder: thisHolder(),
    learnedLimits: new Map(),
  };
}
