import { instantOfSecond } from '../../mappings/instant.js';
import type { Search } from '../jumpcloud/insights/source.js';
import { type CollectDependencies, type CollectSettings, collect, type ReadSoFar } from '../pipeline/collect.js';
import type { Advance, Lane } from '../pipeline/lane.js';

/** A range of time that a lane owns and has read before. */
export interface ReadRange extends Search {
  readonly end: number;
  /** Whole second from which the lane owns a service's records. */
  readonly ownedFrom: (service: string) => number;
  /** Whole second at which its part of a service's records ends. */
  readonly ownedTo: (service: string) => number;
}

/**
 * Reads a range again and delivers what the sink does not hold. The position stays; `advance` may change what is
 * remembered with it.
 * @throws CollectorError as `collect`; SINK_REFUSED where the sink cannot tell what it held
 */
export async function reread(
  lane: Lane,
  { services, start, end, ownedFrom, ownedTo }: ReadRange,
  settings: CollectSettings,
  parts: CollectDependencies,
  signal: AbortSignal,
  advance: (read: ReadSoFar) => Advance,
): Promise<void> {
  const scope = {
    ownedFrom: (service: string) => Math.max(start, ownedFrom(service)),
    ownedTo: (service: string) => Math.min(end, ownedTo(service)),
    dedupeFrom: () => Number.POSITIVE_INFINITY,
    lateBefore: instantOfSecond(end),
    known: (uids: readonly string[], first: bigint, last: bigint) => lane.findDelivered(uids, first, last),
  };
  await collect(lane, { search: { services, start, end }, scope, advance }, settings, parts, signal);
}
