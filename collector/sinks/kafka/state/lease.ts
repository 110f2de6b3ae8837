import { CollectorError } from '../../../errors.js';
import type { LaneState, Lease } from './lane-state.js';
import { isDead, type ProcessIdentity } from './process-identity.js';

// The lease keeps two instances from fencing each other for ever; that no record is delivered twice is the doing of the
// transactional id. So a wrong guess about a lease (clocks that disagree) costs a take-over, never a record.

export function newLease(instance: string, holder: ProcessIdentity, seconds: number, now: number): Lease {
  return { version: 1, instance, holder, seconds, renewedAt: new Date(now).toISOString(), released: false };
}

/**
 * Whether a lane is free for `instance`: nobody holds it, it was released, its holder is this instance or certainly dead,
 * or it has lapsed, by the wall clock or (where the holder's clock is ahead) by having been watched unrenewed for its length.
 */
export function isFree(
  { lease }: LaneState,
  instance: string,
  self: ProcessIdentity,
  now: number,
  watchedMs: number,
): boolean {
  if (lease === undefined || lease.released || lease.instance === instance) return true;
  if (now > Date.parse(lease.renewedAt) + lease.seconds * 1000) return true;
  return watchedMs > lease.seconds * 1000 || isDead(lease.holder, self);
}

export function laneInUse(lane: string, lease: Lease): CollectorError {
  const { holder } = lease;
  return new CollectorError(
    'LANE_IN_USE',
    `Lane ${lane} is held by process ${holder.pid} on ${holder.host} (renewed ${lease.renewedAt}).`,
    {
      cure: `Stop the other instance; after a crash the lane is free ${lease.seconds} s after the last renewal.`,
      transient: true,
      detail: lease.instance,
    },
  );
}

/** For one whose lane was taken over. */
export function fenced(lane: string, { holder }: Lease): CollectorError {
  return new CollectorError('FENCED', `Process ${holder.pid} on ${holder.host} has taken over lane ${lane}.`, {
    cure: 'Run one instance a lane.',
    detail: 'LEASE',
  });
}
