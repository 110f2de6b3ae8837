import { CollectorError } from '../../errors.js';
import { PartitionReader } from './client/partition-reader.js';
import { createPublisher, type Publisher } from './client/publisher.js';
import type { LaneContext } from './lane-context.js';
import { Session } from './session.js';
import { DedupeLog } from './state/dedupe-log.js';
import {
  type LaneKeys,
  type LaneState,
  laneKeys,
  noLaneState,
  requireComplete,
  STATE_PARTITION,
} from './state/lane-state.js';
import { isFree, laneInUse } from './state/lease.js';
import { peekLease, readLane, type StoredLane } from './state/state-topic.js';
import { TopicTable } from './topics/topic-table.js';
import { ownTopic } from './topics/topics.js';

const WATCH_MS = 1_000;
/** How much longer than a transaction may last to wait for one of another lane. */
const TIMEOUT_MARGIN_MS = 15_000;

/** A lane that was taken, and what it stands at. */
export interface Opened {
  readonly session: Session;
  readonly state: LaneState;
  /** Bytes read from the state topic. */
  readonly bytesRead: number;
}

/** How long to wait for an open transaction of somebody else. */
export function openTransactionTimeoutMs(settings: LaneContext['settings']): number {
  return settings.transactionTimeout + TIMEOUT_MARGIN_MS;
}

/**
 * Takes a lane: connect, look at the lease, fence, read. In this order: before the fencing the predecessor could still
 * commit, and without the look at the lease two instances would fence each other for ever.
 * @param signal ends the wait for a lane in use
 * @throws CollectorError LANE_IN_USE, STATE_CORRUPT, ABORTED; or whatever kafkajs throws
 */
export async function openSession(
  shared: LaneContext,
  lane: string,
  transactionalId: string,
  signal: AbortSignal,
): Promise<Opened> {
  const { kafka, connection, settings } = shared;
  const keys = laneKeys(settings.feed, lane);
  const stateTopic = ownTopic(settings, 'state');
  const topics = new TopicTable(shared);
  await topics.refresh();
  const reader = new PartitionReader(kafka, connection);
  let publisher: Publisher | undefined;
  try {
    await reader.connect();
    await waitUntilFree(reader, stateTopic, keys, lane, shared, signal);
    publisher = createPublisher(kafka, connection, settings, transactionalId);
    await publisher.start();
    const before = reader.bytesRead;
    const { state, end } = await readState(reader, stateTopic, keys, lane, shared);
    const bytesRead = reader.bytesRead - before;
    const chunks = new DedupeLog(keys, state, end, bytesRead);
    const timeoutMs = openTransactionTimeoutMs(settings);
    const session = new Session({ lane, keys, stateTopic, shared, topics, reader, publisher, chunks, timeoutMs });
    await session.start();
    return { session, state, bytesRead };
  } catch (error) {
    await Promise.all([publisher?.discard(), reader.disconnect().catch(() => undefined)]);
    throw error;
  }
}

async function waitUntilFree(
  reader: PartitionReader,
  stateTopic: string,
  keys: LaneKeys,
  lane: string,
  { settings, clock, instance, holder, log }: LaneContext,
  signal: AbortSignal,
): Promise<void> {
  let watched: { offset: bigint | undefined; since: number } | undefined;
  for (;;) {
    const state = await peekLease(reader, stateTopic, keys);
    const first = watched === undefined;
    if (watched === undefined || watched.offset !== state.leaseOffset) {
      watched = { offset: state.leaseOffset, since: clock.monotonic() };
    }
    const unrenewedMs = clock.monotonic() - watched.since;
    if (state.lease === undefined || isFree(state, instance, holder, clock.now(), unrenewedMs)) return;
    if (!settings.lease.wait) throw laneInUse(lane, state.lease);
    if (first) log('info', `waiting for it: ${laneInUse(lane, state.lease).message}`);
    await clock.sleep(WATCH_MS, signal);
    if (signal.aborted) throw aborted(lane);
  }
}

/** The lane's state, now that nobody else can write it any more. */
async function readState(
  reader: PartitionReader,
  stateTopic: string,
  keys: LaneKeys,
  lane: string,
  { settings, clock, instance, holder, repair = false }: LaneContext,
): Promise<StoredLane> {
  const read = readLane(reader, stateTopic, keys, openTransactionTimeoutMs(settings));
  const stored = await (repair ? read.catch((error) => asIfEmpty(error, reader, stateTopic)) : read);
  // Another newcomer may have taken the lane between the look and the fencing. It is fenced now; it will see its own lease
  // when it comes back, and this one waits.
  const { lease } = stored.state;
  if (lease && !isFree(stored.state, instance, holder, clock.now(), 0)) throw laneInUse(lane, lease);
  // Without transactions a crash can leave more chunks than the position counts; they are of records that were sent.
  if (settings.delivery === 'exactly_once' && !repair) requireComplete(stored.state, stored.start);
  return stored;
}

async function asIfEmpty(error: unknown, reader: PartitionReader, stateTopic: string): Promise<StoredLane> {
  if (!(error instanceof CollectorError) || error.code !== 'STATE_CORRUPT') throw error;
  const { start, end } = await reader.bounds(stateTopic, STATE_PARTITION);
  return { state: noLaneState, start, end };
}

function aborted(lane: string): CollectorError {
  return new CollectorError('ABORTED', `Stopped while waiting for lane ${lane}.`, { cure: 'Nothing.' });
}
