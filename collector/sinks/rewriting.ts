import type { NormalisedEvent } from '../../mappings/event.js';
import type { JsonObject } from '../../mappings/json.js';

/** An event as the sink holds it. */
export interface StoredEvent {
  readonly uid: string;
  readonly classUid: number;
  /** Epoch milliseconds. */
  readonly time: number;
  /** As JSON, with the attributes in the order of the columns. */
  readonly text: string;
  readonly event: JsonObject;
}

/** What a rewriting does to a lane's events. */
export interface Rewriting {
  /** Which days are examined, `YYYY-MM-DD` in UTC. */
  readonly wanted: (day: string) => boolean;
  /** The event that replaces the stored one; undefined: it stays as it is. Asked twice where a file is rewritten. */
  readonly decide: (stored: StoredEvent) => NormalisedEvent | undefined;
  /** Called once per event that was examined. */
  readonly examined: (stored: StoredEvent, replacement: NormalisedEvent | undefined) => void;
}
