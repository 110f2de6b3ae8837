import type { JsonObject } from '../../../mappings/json.js';
import { isObject } from '../../../mappings/json.js';
import { type OcsfTarget, ocsfTarget, unrecordedClasses } from '../../../schemas/ocsf-target.js';
import { type Column, type ColumnType, columnsOf } from './columns.js';

/** A table: one directory of Parquet files. */
export interface Table {
  /** OCSF's own name of the class (`authentication`), `dead_letters` or `raw_records`. */
  readonly name: string;
  readonly columns: readonly Column[];
}

const text: ColumnType = { kind: 'text' };
const integer: ColumnType = { kind: 'integer' };

/** Records that could not become a valid event. */
export const deadLetterTable: Table = {
  name: 'dead_letters',
  columns: [
    { name: 'uid', type: text },
    { name: 'reason', type: text },
    { name: 'message', type: text },
    { name: 'details', type: { kind: 'list', item: text } },
    { name: 'service', type: text },
    { name: 'event_type', type: text },
    { name: 'organization', type: text },
    { name: 'record_id', type: text },
    { name: 'original_time', type: text },
    { name: 'time', type: integer },
    { name: 'fetched_at', type: integer },
    { name: 'raw', type: text },
    { name: 'raw_size', type: integer },
    { name: 'raw_sha256', type: text },
  ],
};

/** Records whose class the feed does not deliver. */
export const rawRecordTable: Table = {
  name: 'raw_records',
  columns: [
    { name: 'uid', type: text },
    { name: 'class_uid', type: integer },
    { name: 'event_code', type: text },
    { name: 'service', type: text },
    { name: 'time', type: integer },
    { name: 'text', type: text },
  ],
};

/**
 * Entities as they were observed, one row per observation: the newest row of a feed, type and key is its state, and where
 * that one is `deleted` the thing is gone. Its days never expire: an entity that does not change is not written again.
 */
export const entityTable: Table = {
  name: 'entities',
  columns: [
    { name: 'feed', type: text },
    { name: 'type', type: text },
    { name: 'key', type: text },
    { name: 'time', type: integer },
    { name: 'deleted', type: { kind: 'boolean' } },
    { name: 'value', type: { kind: 'json' } },
  ],
};

/** The table of each OCSF class of a release, by `class_uid`: its columns follow from the class's JSON Schema. */
function tablesOf({ classes, objectSchemas }: OcsfTarget): ReadonlyMap<number, Table> {
  const resolve = (reference: string): JsonObject => {
    const definition = objectSchemas[/^objects\.json#\/\$defs\/(\w+)$/.exec(reference)?.[1] ?? ''];
    if (!isObject(definition)) throw new TypeError(`The schemas lack ${reference}`);
    return definition;
  };
  return new Map(
    Object.entries(classes).map(([name, { uid, schema }]) => [
      uid,
      { name, columns: columnsOf(schema as JsonObject, resolve) },
    ]),
  );
}

/** The table of each OCSF class that the mappers emit, by `class_uid`. */
export const classTables: ReadonlyMap<number, Table> = tablesOf(ocsfTarget);

/** Tables of the classes that records are mapped to. */
export const activityTables: readonly Table[] = [...classTables.values()].filter(
  ({ name }) => !(unrecordedClasses as readonly string[]).includes(name),
);

/** Every table. */
export const allTables: readonly Table[] = [...classTables.values(), deadLetterTable, rawRecordTable, entityTable];
