import type { CollectorError } from '../errors.js';
import type { InventoryPosition, Marker } from './position.js';
import type { DeliveredName, StageName } from './stages.js';

/** Events of an inventory for log and metrics. */
export type InventoryEvent =
  | {
      readonly type: 'started';
      readonly generation: number;
      readonly stages: readonly StageName[];
      readonly full: boolean;
    }
  | {
      readonly type: 'read';
      readonly stage: StageName;
      readonly ids: number;
      readonly requests: number;
      readonly nulls: number;
      readonly incomplete: string | undefined;
    }
  | { readonly type: 'held'; readonly stage: StageName; readonly held: number; readonly reason: string | undefined }
  | {
      readonly type: 'delivered';
      readonly stage: DeliveredName;
      readonly upserts: number;
      readonly gone: number;
      readonly known: number;
    }
  | { readonly type: 'finished'; readonly marker: Marker; readonly durationMs: number }
  /** A generation that a crash interrupted is delivered to its end. */
  | { readonly type: 'resumed'; readonly generation: number }
  /** What was known was lost and is rebuilt. */
  | { readonly type: 'rebuilt'; readonly records: number }
  | { readonly type: 'failed'; readonly error: CollectorError }
  /** The names that enrichment looks up are as before. */
  | { readonly type: 'names_not_kept'; readonly reason: string }
  /** What is delivered, as the sink holds it: when it is looked up, and after each generation. */
  | { readonly type: 'position'; readonly position: InventoryPosition }
  /** Nothing is due before this, epoch milliseconds. */
  | { readonly type: 'waiting'; readonly until: number };

export type InventoryObserver = (event: InventoryEvent) => void;
