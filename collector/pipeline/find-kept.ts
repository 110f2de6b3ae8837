import { floorToSecond, type Instant, instantOfSecond } from '../../mappings/instant.js';
import { SECONDS_PER_DAY } from '../../mappings/time-units.js';
import { CollectorError } from '../errors.js';
import { EXPIRED } from '../sinks/sink.js';
import type { Lane } from './lane.js';

/** After a pause longer than the sink keeps its days (UTC) it holds nothing of them that could be there twice. */
export async function findKept(
  lane: Pick<Lane, 'findDelivered'>,
  uids: readonly string[],
  from: Instant,
  to: Instant,
): Promise<ReadonlySet<string>> {
  try {
    return await lane.findDelivered(uids, from, to);
  } catch (error) {
    if (!(error instanceof CollectorError) || error.detail !== EXPIRED) throw error;
    const nextDay = instantOfSecond((Math.floor(floorToSecond(from) / SECONDS_PER_DAY) + 1) * SECONDS_PER_DAY);
    return nextDay < to ? findKept(lane, uids, nextDay, to) : new Set();
  }
}
