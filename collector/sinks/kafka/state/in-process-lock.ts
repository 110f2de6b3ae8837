import { CollectorError } from '../../../errors.js';

const claimed = new Set<string>();

/**
 * Takes a lane within this process: the brokers would let a second producer of one process fence the first.
 * @param name the transactional id with the brokers it is for
 * @returns what frees it; may be called twice
 * @throws CollectorError LANE_IN_USE
 */
export function claimInProcess(name: string): () => void {
  if (claimed.has(name)) {
    throw new CollectorError('LANE_IN_USE', `This process already holds ${name}.`, {
      cure: 'Close the lane before opening it again.',
    });
  }
  claimed.add(name);
  return () => claimed.delete(name);
}
