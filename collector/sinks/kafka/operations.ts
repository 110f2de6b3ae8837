import { CollectorError } from '../../errors.js';
import type { Cursor } from '../../position/cursor.js';
import { decodeCursor } from '../../position/cursor-codec.js';
import { positionOnly } from '../batch.js';
import { withReader } from './client/with-reader.js';
import { KafkaLane } from './kafka-lane.js';
import type { LaneContext } from './lane-context.js';
import { laneKeys, requireComplete } from './state/lane-state.js';
import { peekLane, readLane } from './state/state-topic.js';
import { ownTopic } from './topics/topics.js';

/** A lane as `state show` reports it. */
export interface StoredPosition {
  readonly topic: string;
  readonly lane: string;
  readonly cursor: Cursor | undefined;
  /** Identities in the dedupe set, and the records that hold them. */
  readonly remembered: number;
  readonly pieces: number;
  /** Undefined: nobody holds the lane. */
  readonly heldBy: { readonly host: string; readonly pid: number; readonly renewedAt: string } | undefined;
}

/**
 * A lane's position, read without taking the lane.
 * @throws CollectorError
 */
export async function readState(context: LaneContext, lane: string): Promise<StoredPosition> {
  const { settings } = context;
  const topic = ownTopic(settings, 'state');
  const nothing = { topic, lane, cursor: undefined, remembered: 0, pieces: 0, heldBy: undefined };
  return withReader<StoredPosition>(context, [topic], nothing, async (reader) => {
    const { entry, lease } = await peekLane(reader, topic, laneKeys(settings.feed, lane));
    const free = lease === undefined || lease.released;
    const { host = '', pid = 0 } = lease?.holder ?? {};
    return {
      ...nothing,
      cursor: entry && decodeCursor(entry.cursor),
      remembered: entry?.hashes ?? 0,
      pieces: entry?.pieces ?? 0,
      heldBy: free ? undefined : { host, pid, renewedAt: lease.renewedAt },
    };
  });
}

/** How long a transaction of another lane may stay open below what is read. */
const OPEN_TRANSACTION_TIMEOUT_MS = 30_000;

/**
 * The dedupe set of a lane, read without taking the lane.
 * @throws CollectorError STATE_CORRUPT where some of it is gone
 */
export async function readDedupeSet(context: LaneContext, lane: string): Promise<ReadonlySet<bigint>> {
  const { settings } = context;
  const topic = ownTopic(settings, 'state');
  return withReader<ReadonlySet<bigint>>(context, [topic], new Set(), async (reader) => {
    const { state, start } = await readLane(reader, topic, laneKeys(settings.feed, lane), OPEN_TRANSACTION_TIMEOUT_MS);
    requireComplete(state, start);
    return new Set(state.chunks.flatMap(({ hashes }) => [...hashes]));
  });
}

/**
 * Sets a lane's position. The dedupe set stays, so that records around the new position are not delivered twice. Also
 * repairs a state that cannot be read.
 * @throws CollectorError LANE_IN_USE while another instance holds the lane; CONFIG_INVALID for a cursor of another lane
 */
export async function resetPosition(
  context: LaneContext,
  lane: string,
  next: (stored: Cursor | undefined) => Cursor,
): Promise<void> {
  const { settings } = context;
  const lease = { ...settings.lease, wait: false };
  const target = new KafkaLane(lane, { ...context, settings: { ...settings, lease }, repair: true });
  try {
    const cursor = next((await target.open())?.cursor);
    if (cursor.lane !== lane || cursor.feed !== settings.feed)
      throw new CollectorError('CONFIG_INVALID', `The position is of ${cursor.feed}, lane ${cursor.lane}.`, {
        cure: `Give a position of ${settings.feed}, lane ${lane}.`,
      });
    await target.commit(positionOnly(cursor));
  } finally {
    await target.close();
  }
}
