import type { WriteResult } from '../jumpcloud/directory/write-once.js';
import type { Plan, ResponseAsk } from './plan.js';
import type { Target } from './target.js';

/** The directory as response sees it. */
export interface ResponseDirectory {
  /**
   * Resolves and reads the target. A name must lead to exactly one object whose own name is the one that was asked for.
   * @throws CollectorError USAGE where it does not; anything that keeps a part from being read: then nothing is sent
   */
  read(ask: Pick<ResponseAsk, 'verb' | 'user' | 'group'>, signal?: AbortSignal): Promise<Target>;
  /** Reads what the verb changes, by id. @throws CollectorError */
  readAgain(plan: Plan, signal?: AbortSignal): Promise<Pick<Target, 'user' | 'member'>>;
  /** Sends the request of a plan once. Never throws and never repeats. */
  send(plan: Plan, signal?: AbortSignal): Promise<WriteResult>;
}
