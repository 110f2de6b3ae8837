import type { NormalisedEvent } from '../../mappings/event.js';
import type { Clock, ClockReading } from '../clock.js';
import type { Source } from '../jumpcloud/insights/source.js';
import type { Repairs } from '../reconcile/repair-queue.js';
import type { ReconcileSettings } from '../reconcile/scheduled-pass.js';
import type { Sink } from '../sinks/sink.js';
import type { CollectSettings } from './collect.js';
import type { FeedObserver } from './observer.js';

/** What a feed collects and how often. */
export interface FeedSettings extends CollectSettings {
  readonly baseUrl: string;
  /** Undefined: the organization of the first record. */
  readonly organization: string | undefined;
  /** The query's `service` values. */
  readonly services: readonly string[];
  /** Whole second since the epoch at which a first run (or a newly selected service) starts. */
  readonly start: (now: number) => number;
  /** Milliseconds between polls. */
  readonly interval: number;
  /** Seconds within which a late record is still waited for. */
  readonly overlap: number;
  /** Seconds of one closed search while catching up. */
  readonly slice: number;
  /** How what was read is compared with JumpCloud's count; undefined: never. */
  readonly reconcile?: ReconcileSettings | undefined;
}

/** What goes with the position though it is not collected: what the key guard and others must remember, and say. */
export interface Beside {
  /** After the lane was opened, with what was stored: whatever was not committed is forgotten. */
  recall(memory: Readonly<Record<string, unknown>>): void;
  /** Before each commit: what to store in place of the former memory, and events of the collector's own. */
  next(delivering: Delivering): { memory: Readonly<Record<string, unknown>>; own: readonly NormalisedEvent[] };
}

/** What the commit at hand delivers, as far as those beside the road look at it. */
export interface Delivering {
  readonly events: readonly NormalisedEvent[];
  /** Undefined until a record or the configuration named it. */
  readonly organization: string | undefined;
}

/** The rest of the house, as a feed needs it. */
export interface FeedParts {
  readonly source: Source;
  readonly sink: Sink;
  readonly clock: Clock;
  /** The local clock and JumpCloud's. */
  readonly clocks: () => ClockReading;
  /** A number from 0 (inclusive) to 1, for jitter. */
  readonly random: () => number;
  readonly observer: FeedObserver;
  readonly beside: Beside;
  /** Resolves when the credential has changed: ends the wait after a 401. */
  readonly credentialChanged: (signal: AbortSignal) => Promise<void>;
  /** What the live lane is asked to read anew; undefined: nobody can ask. */
  readonly repairs?: Repairs | undefined;
}
