import type { JsonObject } from '../../../mappings/json.js';
import { isObject } from '../../../mappings/json.js';
import accountChange from '../../../schemas/ocsf/account_change.json' with { type: 'json' };
import apiActivity from '../../../schemas/ocsf/api_activity.json' with { type: 'json' };
import applicationLifecycle from '../../../schemas/ocsf/application_lifecycle.json' with { type: 'json' };
import authentication from '../../../schemas/ocsf/authentication.json' with { type: 'json' };
import baseEvent from '../../../schemas/ocsf/base_event.json' with { type: 'json' };
import detectionFinding from '../../../schemas/ocsf/detection_finding.json' with { type: 'json' };
import entityManagement from '../../../schemas/ocsf/entity_management.json' with { type: 'json' };
import groupManagement from '../../../schemas/ocsf/group_management.json' with { type: 'json' };
import objects from '../../../schemas/ocsf/objects.json' with { type: 'json' };
import userAccess from '../../../schemas/ocsf/user_access.json' with { type: 'json' };
import { type ClassUid, ocsfClasses } from '../../../schemas/ocsf.js';
import { type Column, type ColumnType, columnsOf } from './columns.js';

/** A table: one directory of Parquet files. */
export interface Table {
  /** OCSF's own name of the class (`authentication`), `dead_letters` or `raw_records`. */
  readonly name: string;
  readonly columns: readonly Column[];
}

const schemas: Readonly<Record<ClassUid, unknown>> = {
  0: baseEvent,
  2004: detectionFinding,
  3001: accountChange,
  3002: authentication,
  3004: entityManagement,
  3005: userAccess,
  3006: groupManagement,
  6002: applicationLifecycle,
  6003: apiActivity,
};

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

/** The table of each OCSF class that the mappers emit, by `class_uid`. */
export const classTables: ReadonlyMap<number, Table> = new Map(
  Object.entries(ocsfClasses).map(([uid, { name }]) => [
    Number(uid),
    { name, columns: columnsOf(schemas[Number(uid) as ClassUid] as JsonObject, resolve) },
  ]),
);

/** Every table. */
export const allTables: readonly Table[] = [...classTables.values(), deadLetterTable, rawRecordTable];

function resolve(reference: string): JsonObject {
  const name = /^objects\.json#\/\$defs\/(\w+)$/.exec(reference)?.[1] ?? '';
  const definition = (objects.$defs as Readonly<Record<string, unknown>>)[name];
  if (!isObject(definition)) throw new TypeError(`The schemas lack ${reference}`);
  return definition;
}
