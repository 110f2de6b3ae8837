import type { JsonValue } from '../../mappings/json.js';
import type { Cursor } from '../position/cursor.js';
import type { StageName } from './stages.js';

/** The slot of the cursor's extensions in which the lane of an inventory keeps its position. */
export const INVENTORY_SLOT = 'inventory';

/** How far the deliveries of an inventory have come; stored in the same commit as what they deliver. */
export interface InventoryPosition {
  readonly version: 1;
  readonly organization: string;
  readonly generation: number;
  /** Delivered up to and with this key (hexadecimal) of this stage; undefined: nothing of the generation yet. */
  readonly at: { readonly stage: string; readonly key: string } | undefined;
  /** The generation was delivered whole, its marker included. */
  readonly finished: boolean;
  /** Epoch milliseconds of the latest observation: a clock that is set back does not make a later one earlier. */
  readonly observedAt: number;
  /** Epoch milliseconds at which each stage was last read completely. */
  readonly readAt: Readonly<Partial<Record<StageName, number>>>;
  /** When everything was last delivered, changed or not. */
  readonly fullAt: number;
  /** The last generation whose stages were all complete; undefined: none yet. */
  readonly complete?: { readonly generation: number; readonly at: number } | undefined;
  readonly accountName: string | undefined;
  readonly marker: Marker | undefined;
}

/** What is known at the end of a generation: consumers who want whole pictures read up to one. */
export interface Marker {
  readonly v: 1;
  readonly generation: number;
  readonly snapshot: string;
  readonly org: string;
  readonly account_name?: string;
  readonly full: boolean;
  /** Epoch milliseconds. */
  readonly started: number;
  readonly finished: number;
  readonly stages: readonly MarkerStage[];
  /** Names of stages that are not complete, of this generation or as an earlier one left them. */
  readonly incomplete: readonly string[];
  readonly removals_held: number;
}

export interface MarkerStage {
  readonly stage: string;
  /** The generation that read it last; absent: this one. */
  readonly generation?: number;
  readonly complete: boolean;
  readonly reason?: string;
  /** Objects or edges known after it. */
  readonly count: number;
  readonly nulls?: number;
  readonly changed: number;
  readonly gone: number;
  readonly held?: number;
  readonly held_reason?: string;
}

/** The position in a cursor; undefined where the lane never delivered. */
export function positionOf(cursor: Cursor | undefined): InventoryPosition | undefined {
  const stored = cursor?.extensions[INVENTORY_SLOT] as (InventoryPosition & JsonValue) | undefined;
  return stored?.version === 1 ? stored : undefined;
}
