import type { JsonObject } from '../json.js';

/** A record that stands for its event type, as the fixtures have them. */
export interface Sample {
  /** The value that a search asks for. */
  readonly service: string;
  readonly eventType: string;
  readonly value: JsonObject;
}

/** A column of the tables, as SQL names it: `src_endpoint.ip`, `observables[].value`. */
export interface DocumentedColumn {
  readonly name: string;
  /** As DuckDB writes it. */
  readonly type: string;
  /** Where its value stands in the event, the first that is filled. */
  readonly paths: readonly string[];
}

/** A table of one OCSF class. */
export interface DocumentedTable {
  readonly classUid: number;
  readonly name: string;
  /** Flat columns first, then those of the event itself. */
  readonly columns: readonly DocumentedColumn[];
}
