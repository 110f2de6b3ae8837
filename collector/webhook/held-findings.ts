import { instantOfSecond } from '../../mappings/instant.js';
import { SECONDS_PER_DAY } from '../../mappings/time-units.js';
import { findKept } from '../pipeline/find-kept.js';
import { hashOf } from '../position/dedupe-set.js';
import type { Sink } from '../sinks/sink.js';
import type { Delivery } from './deliver.js';

/**
 * The names of findings that the sink holds: the lane remembers those of the last days alone.
 * @throws CollectorError SINK_REFUSED where the sink cannot tell what it held
 */
export async function heldBy(
  sink: Pick<Sink, 'find'>,
  { events, raw, fresh }: Pick<Delivery, 'events' | 'raw' | 'fresh'>,
): Promise<ReadonlySet<bigint>> {
  const found = [...events, ...raw];
  if (sink.find === undefined || found.length === 0) return new Set();
  const lane = { findDelivered: sink.find.bind(sink) };
  const seconds = found.map(({ time }) => Math.floor(time / 1000));
  // Where only one of two notices has a time, they are dated differently.
  const from = instantOfSecond(Math.min(...seconds) - SECONDS_PER_DAY);
  const to = instantOfSecond(Math.max(...seconds) + SECONDS_PER_DAY);
  const uids = found.map(({ uid }) => uid);
  const held = new Set(await findKept(lane, uids, from, to));
  const others = new Map(fresh.flatMap((names) => (names === undefined ? [] : [[names.uid, names.heldAs]])));
  const asked = found.flatMap(({ uid, time }) => {
    const same = held.has(uid) ? [] : (others.get(uid)?.() ?? []);
    return same.length === 0 ? [] : [{ uid, same, at: BigInt(time) * 1_000_000n }];
  });
  // The thousand names of one without a count are looked for at its time alone: that reads few of the sink's files.
  const isOne = ({ length }: readonly string[]) => length === 1;
  const single = asked.flatMap(({ same }) => (isOne(same) ? same : []));
  const near = single.length === 0 ? new Set() : await findKept(lane, single, from, to);
  for (const { uid, same, at } of asked) {
    const there = isOne(same) ? same.filter((name) => near.has(name)) : same;
    if (there.length > 0 && (await findKept(lane, there, at, at + 1n)).size > 0) held.add(uid);
  }
  return new Set([...held].map(hashOf));
}
