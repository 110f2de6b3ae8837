import { CollectorError } from '../errors.js';

const held = new Set<string>();

/**
 * Takes a lane within this process, where the destination's own lock does not exclude: fcntl locks are of the whole
 * process, and brokers let a second producer of a process fence the first.
 * @param name unique among all destinations: a path, a transactional id with its brokers
 * @returns what frees it; may be called twice
 * @throws CollectorError LANE_IN_USE
 */
export function lockInProcess(name: string, lane: string): () => void {
  if (held.has(name)) throw laneInUse(lane, 'this process');
  held.add(name);
  let mine = true;
  return () => {
    if (mine) held.delete(name);
    mine = false;
  };
}

/** @param holder for people: `process 4711` */
export function laneInUse(lane: string, holder: string): CollectorError {
  return new CollectorError('LANE_IN_USE', `Lane ${lane} is in use by ${holder}.`, {
    cure: 'Let the running collector do the work, or stop it first.',
    detail: holder,
  });
}
