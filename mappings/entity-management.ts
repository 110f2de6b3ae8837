import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, Deed, Mapped, OcsfNamed } from './class-attributes.js';
import { addSurroundings } from './context.js';
import { managedEntity, readEntity } from './entity-kinds.js';
import { isObject } from './json.js';
import { readOutcome } from './outcome.js';
import type { Reading } from './record-reader.js';

const OTHER = 99;

/** Objects that name the thing of a kind, in the order in which they are believed; `resource` comes after them. */
const objectsOf: Readonly<Record<string, readonly string[]>> = {
  Application: ['application'],
  'Approval Flow': ['workflow'],
  Command: ['command'],
  'Alert Rule': ['rule'],
  policy: ['policy'],
};

/** Members that hold the id of the thing of a kind. */
const uidsOf: Readonly<Record<string, readonly string[]>> = {
  device: ['device_object_id', 'mdm_device_id'],
  'Access Request': ['access_request_id'],
  'Notification Channel': ['channel_object_id'],
  'SaaS Account': ['account_id'],
};

const deeds: Readonly<Record<number, Deed>> = {
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
export function mapEntityManagement(reading: Reading, row: CatalogueRow): Mapped | undefined {
  const entity = findEntity(reading, row);
  if (entity === undefined) return undefined;
  const attributes: ClassAttributes = { entity };
  const actor = readActor(reading);
  if (actor !== undefined) attributes.actor = actor;
  addSurroundings(reading, attributes);
  const activityId = typeof row.activity === 'number' ? row.activity : OTHER;
  const { done, todo } = deeds[activityId] ?? { done: `did ${row.eventType} for`, todo: `do ${row.eventType} for` };
  const name = `the ${entity.type!.toLowerCase()} ${entity.name ?? entity.uid}`;
  return {
    classUid: 3004,
    activityId,
    outcome: readOutcome(reading, row.options.outcome),
    attributes,
    deed: { done: `${done} ${name}`, todo: `${todo} ${name}` },
  };
}

function findEntity(reading: Reading, { eventType, options }: CatalogueRow): OcsfNamed | undefined {
  const { record } = reading;
  const kind = options.entity!;
  if (options.feature !== undefined) return managedEntity(kind, undefined, options.feature);
  if (kind === 'device') return findDevice(reading, eventType);
  for (const key of objectsOf[kind] ?? []) {
    const entity = readEntity(reading, reading.object(record, key), eventType, kind);
    if (entity !== undefined) return entity;
  }
  const resource = reading.object(record, 'resource');
  return (
    findByUid(reading, kind) ??
    readApplication(reading, kind) ??
    readEntity(reading, resource, eventType, kind) ??
    findByName(reading, kind)
  );
}

function findByUid(reading: Reading, kind: string): OcsfNamed | undefined {
  for (const key of uidsOf[kind] ?? []) {
    const uid = reading.text(reading.record, key);
    if (uid !== undefined) return managedEntity(kind, uid, nameBesideUid(reading, kind));
  }
  return undefined;
}

function nameBesideUid(reading: Reading, kind: string): string | undefined {
  const { record } = reading;
  if (kind === 'SaaS Account') return reading.text(reading.object(record, 'resource'), 'account_email');
  return kind === 'device' ? undefined : reading.text(record, 'name');
}

/** The device: `system`, a `resource` that is one, or the ids of MDM records. */
function findDevice(reading: Reading, eventType: string): OcsfNamed | undefined {
  const { record } = reading;
  const resource = reading.object(record, 'resource');
  const isSystem = reading.peek(resource, 'type') === 'system' || reading.peek(resource, 'type') === 'device';
  return (
    (isSystem ? readEntity(reading, resource, eventType, 'device') : undefined) ??
    readEntity(reading, reading.object(record, 'system'), eventType, 'device') ??
    findByUid(reading, 'device') ??
    (isSystem ? undefined : readEntity(reading, resource, eventType, 'device'))
  );
}

/** Records of SaaS management name the application with members of their own. */
function readApplication(reading: Reading, kind: string): OcsfNamed | undefined {
  const resource = reading.object(reading.record, 'resource');
  if (kind !== 'Application' || !isObject(resource)) return undefined;
  const uid = reading.text(resource, 'application_id');
  const name = reading.text(resource, 'application_name');
  return uid === undefined && name === undefined ? undefined : managedEntity(kind, uid, name);
}

/** Last, the record's own name; of an organization its id, which the metadata holds as well. */
function findByName(reading: Reading, kind: string): OcsfNamed | undefined {
  const { record } = reading;
  const organization = kind === 'organization' ? reading.peek(record, 'organization') : undefined;
  const name = reading.text(record, 'name');
  return organization === undefined && name === undefined ? undefined : managedEntity(kind, organization, name);
}
