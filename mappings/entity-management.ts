import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import { addContext } from './context.js';
import { managedEntity, readEntity } from './entity-kinds.js';
import { readStatus } from './event-status.js';
import { isObject } from './json.js';
import type { ActionPhrase } from './phrase.js';
import type { RecordReader } from './record-reader.js';

const OTHER = 99;

/** Members that are the entity of a kind, by precedence; `resource` comes after them. */
const objectsOf: Readonly<Record<string, readonly string[]>> = {
  Application: ['application'],
  'Approval Flow': ['workflow'],
  Command: ['command'],
  'Alert Rule': ['rule'],
  policy: ['policy'],
};

/** Members that hold the id of the entity of a kind. */
const uidsOf: Readonly<Record<string, readonly string[]>> = {
  device: ['device_object_id', 'mdm_device_id'],
  'Access Request': ['access_request_id'],
  'Notification Channel': ['channel_object_id'],
  'SaaS Account': ['account_id'],
};

const phrases: Readonly<Record<number, ActionPhrase>> = {
  1: { done: 'created', todo: 'create' },
  2: { done: 'read', todo: 'read' },
  3: { done: 'changed', todo: 'change' },
  4: { done: 'deleted', todo: 'delete' },
  6: { done: 'enrolled', todo: 'enroll' },
  8: { done: 'enabled', todo: 'enable' },
  9: { done: 'disabled', todo: 'disable' },
  10: { done: 'activated', todo: 'activate' },
  11: { done: 'deactivated', todo: 'deactivate' },
};

/** Things that administrators manage (3004); undefined where the record does not name the thing. */
export function mapEntityManagement(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const entity = findEntity(reader, row);
  if (entity === undefined) return undefined;
  const attributes: ClassAttributes = { entity };
  const actor = readActor(reader);
  if (actor !== undefined) attributes.actor = actor;
  addContext(reader, attributes);
  const activityId = typeof row.activity === 'number' ? row.activity : OTHER;
  const { done, todo } = phrases[activityId] ?? { done: `did ${row.eventType} for`, todo: `do ${row.eventType} for` };
  const name = `the ${entity.type!.toLowerCase()} ${entity.name ?? entity.uid}`;
  return {
    className: 'entity_management',
    activityId,
    status: readStatus(reader, row.options.status),
    attributes,
    action: { done: `${done} ${name}`, todo: `${todo} ${name}` },
  };
}

function findEntity(reader: RecordReader, { eventType, options }: CatalogueRow): OcsfNamed | undefined {
  const { record } = reader;
  const kind = options.entity!;
  if (options.feature !== undefined) return managedEntity(reader, kind, undefined, options.feature);
  if (kind === 'device') return findDevice(reader, eventType);
  for (const key of objectsOf[kind] ?? []) {
    const entity = readEntity(reader, reader.object(record, key), eventType, kind);
    if (entity !== undefined) return entity;
  }
  const resource = reader.object(record, 'resource');
  return (
    findByUid(reader, kind) ??
    readApplication(reader, kind) ??
    readEntity(reader, resource, eventType, kind) ??
    findByName(reader, kind)
  );
}

function findByUid(reader: RecordReader, kind: string): OcsfNamed | undefined {
  for (const key of uidsOf[kind] ?? []) {
    const uid = reader.text(reader.record, key);
    if (uid !== undefined) return managedEntity(reader, kind, uid, nameBesideUid(reader, kind));
  }
  return undefined;
}

function nameBesideUid(reader: RecordReader, kind: string): string | undefined {
  const { record } = reader;
  if (kind === 'SaaS Account') return reader.text(reader.object(record, 'resource'), 'account_email');
  return kind === 'device' ? undefined : reader.text(record, 'name');
}

/** The device: `system`, a `resource` that is one, or the ids of MDM records. */
function findDevice(reader: RecordReader, eventType: string): OcsfNamed | undefined {
  const { record } = reader;
  const resource = reader.object(record, 'resource');
  const isSystem = reader.peek(resource, 'type') === 'system' || reader.peek(resource, 'type') === 'device';
  return (
    (isSystem ? readEntity(reader, resource, eventType, 'device') : undefined) ??
    readEntity(reader, reader.object(record, 'system'), eventType, 'device') ??
    findByUid(reader, 'device') ??
    (isSystem ? undefined : readEntity(reader, resource, eventType, 'device'))
  );
}

/** Records of SaaS management name the application with members of their own. */
function readApplication(reader: RecordReader, kind: string): OcsfNamed | undefined {
  const resource = reader.object(reader.record, 'resource');
  if (kind !== 'Application' || !isObject(resource)) return undefined;
  const uid = reader.text(resource, 'application_id');
  const name = reader.text(resource, 'application_name');
  return uid === undefined && name === undefined ? undefined : managedEntity(reader, kind, uid, name);
}

/** Last, the record's own name; of an organization its id, which the metadata holds as well. */
function findByName(reader: RecordReader, kind: string): OcsfNamed | undefined {
  const { record } = reader;
  const organization = kind === 'organization' ? reader.peek(record, 'organization') : undefined;
  const name = reader.text(record, 'name');
  return organization === undefined && name === undefined ? undefined : managedEntity(reader, kind, organization, name);
}
