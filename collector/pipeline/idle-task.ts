import type { Lane } from './lane.js';

/** Work of another component on the live lane between two polls. */
export interface IdleTask {
  /** For people: what was put off when it failed. */
  readonly name: string;
  /** True where it compares what was collected with JumpCloud's count and delivers what is missing. */
  readonly compares?: boolean;
  /** Present where work arrives at any time: it is then done while the feed waits for its next poll, else right after a poll. */
  readonly queue?: WorkQueue;
  /** The lane whenever it is opened; undefined when it was closed. */
  attach?(lane: Lane | undefined): void;
  /**
   * Works until it is done or `deadline` (monotonic milliseconds) has passed. What it leaves goes on after the next poll.
   * @throws CollectorError a failure; the feed goes on polling unless the lane is in doubt or must not go on
   */
  run(lane: Lane, deadline: number, signal: AbortSignal): Promise<void>;
  /** The feed has ended: what is under way will not go on. */
  close?(): void;
}

/** Work that arrives while the feed waits. */
export interface WorkQueue {
  readonly isPending: boolean;
  /** Resolves when work arrives, or the signal aborts. */
  arrival(signal: AbortSignal): Promise<void>;
}
