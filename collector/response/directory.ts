import type { Plan, ResponseAsk } from './plan.js';
import type { Target } from './target.js';

/** How the one request of an action fared. */
export type SendResult =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly requestId: string | undefined;
      /** What JumpCloud asks to wait, of a 429. */
      readonly retryAfterMs: number | undefined;
      /** Code of the error list, of an answer that is none of success. */
      readonly code: string | undefined;
    }
  /** No answer came, or none that says whether it was executed. */
  | { readonly kind: 'lost'; readonly code: string | undefined };

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
  send(plan: Plan, signal?: AbortSignal): Promise<SendResult>;
}
