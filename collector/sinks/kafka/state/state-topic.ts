import { sortLanes } from '../../../position/lane-name.js';
import type { KafkaRecord, PartitionReader } from '../client/partition-reader.js';
import { corrupt, foldState, type LaneKeys, type LaneState, laneOfCursorKey, STATE_PARTITION } from './lane-state.js';

/** A lane's state with the part of the topic it was read from. */
export interface StoredLane {
  readonly state: LaneState;
  readonly start: bigint;
  readonly end: bigint;
}

const FIRST_STEP = 64n;
const STEP_FACTOR = 8n;

/** A lane's position and lease as committed now, without waiting for open transactions and without what it remembers. */
export async function peekLane(reader: PartitionReader, topic: string, keys: LaneKeys): Promise<LaneState> {
  const { start, stable } = await reader.bounds(topic, STATE_PARTITION);
  const { records } = await readBack(reader, topic, keys, start, stable, 0);
  return foldState(records, keys);
}

/** A lane's lease as committed now: for a look before anything is taken over. Does not mind a damaged position. */
export async function peekLease(reader: PartitionReader, topic: string, keys: LaneKeys): Promise<LaneState> {
  const { start, stable } = await reader.bounds(topic, STATE_PARTITION);
  const { records } = await readBack(reader, topic, keys, start, stable, 0);
  return foldState(
    records.filter(({ key }) => key === keys.lease),
    keys,
  );
}

/**
 * The lane's whole state up to the true high watermark. Waits for transactions of other lanes that are open below it; the
 * lane's own must be over, so the caller has fenced it before.
 * @param timeoutMs how long to wait for an open transaction
 * @throws CollectorError STATE_CORRUPT where records of the topic were deleted and it holds none, or no position of the
 *   live lane: that is no first run
 */
export async function readLane(
  reader: PartitionReader,
  topic: string,
  keys: LaneKeys,
  timeoutMs: number,
): Promise<StoredLane> {
  const { start, end } = await reader.bounds(topic, STATE_PARTITION);
  if (start > 0n && start === end) throw corrupt('all of its records were deleted');
  const near = await readBack(reader, topic, keys, start, end, timeoutMs);
  const { entry } = foldState(near.records, keys);
  if (start > 0n && entry === undefined && keys.isLive) throw corrupt('the position of lane live was deleted');
  const readFrom = entry === undefined ? near.from : BigInt(entry.readFrom);
  const from = readFrom > start ? readFrom : start;
  const older = from < near.from ? await collect(reader, topic, keys, from, near.from, timeoutMs) : [];
  return { state: foldState([...older, ...near.records], keys), start, end };
}

/** Reads backwards in growing steps until the lane's cursor and its lease are among what was read. */
async function readBack(
  reader: PartitionReader,
  topic: string,
  keys: LaneKeys,
  start: bigint,
  end: bigint,
  timeoutMs: number,
): Promise<{ records: KafkaRecord[]; from: bigint }> {
  let records: KafkaRecord[] = [];
  let from = end;
  for (let step = FIRST_STEP; from > start; step *= STEP_FACTOR) {
    const lower = from - step > start ? from - step : start;
    records = [...(await collect(reader, topic, keys, lower, from, timeoutMs)), ...records];
    from = lower;
    if ([keys.cursor, keys.lease].every((wanted) => records.some(({ key }) => key === wanted))) break;
  }
  return { records, from };
}

/** The lane's own records of a range. */
async function collect(
  reader: PartitionReader,
  topic: string,
  keys: LaneKeys,
  from: bigint,
  to: bigint,
  timeoutMs: number,
): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  for await (const record of reader.read(topic, STATE_PARTITION, from, to, timeoutMs)) {
    const { key } = record;
    if (key === keys.cursor || key === keys.lease || key?.startsWith(keys.seen)) records.push(record);
  }
  return records;
}

/** Names of the feed's lanes that have a position, `live` first. Reads the whole topic. */
export async function listLanes(reader: PartitionReader, topic: string, feed: string): Promise<string[]> {
  const { start, stable } = await reader.bounds(topic, STATE_PARTITION);
  const lanes = new Set<string>();
  for await (const { key, value } of reader.read(topic, STATE_PARTITION, start, stable, 0)) {
    const lane = laneOfCursorKey(key, feed);
    if (lane === undefined) continue;
    if (value === undefined) lanes.delete(lane);
    else lanes.add(lane);
  }
  return sortLanes(lanes);
}
