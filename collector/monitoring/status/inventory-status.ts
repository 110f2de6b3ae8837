import type { InventoryEvent } from '../../inventory/observer.js';
import type { InventoryPosition, Marker } from '../../inventory/position.js';
import type { StageName } from '../../inventory/stages.js';

/** A feed's inventory as /status shows it. Times are RFC 3339, null where there is none. */
export interface InventoryView {
  /** disabled: read only when asked to; waiting: for the next reading; reading: one is under way; failing: the last one failed. */
  readonly state: 'disabled' | 'waiting' | 'reading' | 'failing';
  /** The generation that was delivered last. */
  readonly generation: number | null;
  readonly deliveredAt: string | null;
  /** The last generation whose stages were all complete. */
  readonly complete: { readonly generation: number; readonly at: string } | null;
  /** When everything was last delivered, changed or not. */
  readonly fullAt: string | null;
  readonly nextAt: string | null;
  readonly reading: InventoryReadingView | null;
  /** Also what follows from others: `role_holders`, `people`, `account_edges`. */
  readonly stages: readonly InventoryStageView[];
  readonly removalsHeld: number;
  /** Why the last reading failed; null: it did not. */
  readonly failure: {
    readonly at: string;
    readonly code: string;
    readonly message: string;
    readonly cure: string;
  } | null;
  /** Why it is not all well; it never makes a feed not ready. */
  readonly degraded: string | null;
}

/** A reading that is under way. */
export interface InventoryReadingView {
  readonly generation: number;
  readonly since: string;
  readonly full: boolean;
  /** All that it reads, in order, and how many of these it has read. */
  readonly stages: readonly string[];
  readonly stagesRead: number;
}

export interface InventoryStageView {
  readonly stage: string;
  /** The generation that read it last. */
  readonly generation: number;
  readonly complete: boolean;
  /** Why it is not complete. */
  readonly reason: string | null;
  /** When it was last read completely. */
  readonly completeAt: string | null;
  /** Objects or relationships. */
  readonly known: number;
  /** Of the last generation. */
  readonly changed: number;
  readonly gone: number;
  readonly held: number;
  readonly heldReason: string | null;
}

/** Derives the status of an inventory from what it reports. */
export class InventoryStatus {
  #position: InventoryPosition | undefined;
  #reading: { generation: number; since: number; full: boolean; stages: readonly string[]; read: number } | undefined;
  #failure: NonNullable<InventoryView['failure']> | undefined;
  #next: number | undefined;

  constructor(private readonly now: () => number) {}

  /** Takes in an event. */
  observe(event: InventoryEvent): void {
    switch (event.type) {
      case 'started': {
        const { generation, full, stages } = event;
        this.#reading = { generation, since: this.now(), full, stages, read: 0 };
        break;
      }
      case 'read':
        if (this.#reading !== undefined) this.#reading.read += 1;
        break;
      case 'position':
        this.#position = event.position;
        break;
      case 'finished':
        this.#reading = undefined;
        this.#failure = undefined;
        break;
      case 'failed': {
        const { code, message, cure } = event.error;
        this.#reading = undefined;
        this.#failure = { at: new Date(this.now()).toISOString(), code, message, cure };
        break;
      }
      case 'waiting':
        this.#next = event.until;
        break;
      case 'held':
      case 'delivered':
      case 'resumed':
      case 'rebuilt':
      case 'names_not_kept':
        break;
      default:
        event satisfies never;
    }
  }

  /** @param interval undefined: it is read only when asked to */
  view(interval: number | undefined): InventoryView | null {
    const position = this.#position;
    const marker = position?.marker;
    if (interval === undefined && marker === undefined) return null;
    const failure = this.#failure ?? null;
    const reading = this.#reading;
    const idle = interval === undefined ? 'disabled' : failure === null ? 'waiting' : 'failing';
    const complete = position?.complete;
    return {
      state: reading === undefined ? idle : 'reading',
      generation: marker?.generation ?? null,
      deliveredAt: time(marker?.finished),
      complete: complete === undefined ? null : { generation: complete.generation, at: time(complete.at)! },
      fullAt: time(position?.fullAt),
      nextAt: time(interval === undefined || reading !== undefined ? undefined : this.#next),
      reading:
        reading === undefined
          ? null
          : {
              generation: reading.generation,
              since: time(reading.since)!,
              full: reading.full,
              stages: reading.stages,
              stagesRead: reading.read,
            },
      stages: marker === undefined ? [] : stagesOf(marker, position?.readAt ?? {}),
      removalsHeld: marker?.removals_held ?? 0,
      failure,
      degraded: degradedBy(marker, failure),
    };
  }
}

/** What is not all well with an inventory, in words; null: nothing. */
export function degradedBy(
  marker: Marker | undefined,
  failure: { readonly code: string; readonly message: string } | null,
): string | null {
  const held = (marker?.stages ?? []).filter((stage) => (stage.held ?? 0) > 0);
  const reasons = [
    ...(failure === null ? [] : [`the last reading failed, ${failure.code}: ${failure.message}`]),
    ...held.map((stage) => `${stage.held} removals of ${stage.stage} are held: ${stage.held_reason ?? 'unknown'}`),
    ...(marker?.stages ?? [])
      .filter(({ complete }) => !complete)
      .map(({ stage, reason }) => `${stage} is incomplete: ${reason ?? 'unknown'}`),
  ];
  return reasons.length === 0 ? null : reasons.join('; ');
}

function stagesOf(marker: Marker, readAt: InventoryPosition['readAt']): InventoryStageView[] {
  return marker.stages.map((stage) => ({
    stage: stage.stage,
    generation: stage.generation ?? marker.generation,
    complete: stage.complete,
    reason: stage.reason ?? null,
    completeAt: time(readAt[stage.stage as StageName]),
    known: stage.count,
    changed: stage.changed,
    gone: stage.gone,
    held: stage.held ?? 0,
    heldReason: stage.held_reason ?? null,
  }));
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
