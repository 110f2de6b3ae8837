import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import { addContext } from './context.js';
import { managedEntity, readEntity } from './entity-kinds.js';
import { phraseOfCommand, phraseOfType, verbs } from './event-phrases.js';
import { type EventStatus, readStatus } from './event-status.js';
import { isObject } from './json.js';
import { readName } from './named.js';
import { type ActionPhrase, enumerate, impersonal, phrase, type Verb } from './phrase.js';
import { ACCESS, readSudo, sudoPrivileges } from './privileges.js';
import type { RecordReader } from './record-reader.js';
import { addName, isPerson } from './user.js';

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

const activityVerbs: Readonly<Record<number, Verb>> = {
  1: verbs.create,
  2: verbs.read,
  4: verbs.delete,
  6: ['enrolled', 'enroll'],
  8: verbs.enable,
  9: verbs.disable,
  10: ['activated', 'activate'],
  11: ['deactivated', 'deactivate'],
};

/** Things that administrators manage (3004); undefined where the record does not name the thing. */
export function mapEntityManagement(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const entity = findEntity(reader, row);
  if (entity === undefined) return undefined;
  const attributes: ClassAttributes = { entity };
  if (row.options.entity === 'SaaS Account') {
    const owner = addName(reader, undefined, reader.record, 'username');
    if (owner !== undefined) entity.user = owner;
  }
  const actor = readActor(reader);
  if (actor !== undefined) attributes.actor = actor;
  addContext(reader, attributes);
  const activityId = typeof row.activity === 'number' ? row.activity : OTHER;
  const command = readCommand(reader, row);
  const action =
    command === undefined ? phraseOf(reader, row, entity, attributes) : phraseOfCommand(command, callEntity(entity));
  return {
    className: 'entity_management',
    activityId,
    ...(command === undefined ? {} : { activityName: command }),
    status: readEntityStatus(reader, row),
    attributes,
    action,
  };
}

/** What an alert's rule saw on a device is the reason of the event. */
function readEntityStatus(reader: RecordReader, row: CatalogueRow): EventStatus {
  const status = readStatus(reader, row.options.status);
  if (status.detail !== undefined || row.service !== 'alerts') return status;
  const context = reader.text(reader.object(reader.record, 'resource'), 'context');
  return context === undefined ? status : { ...status, detail: context };
}

function callEntity({ type, name, uid }: OcsfNamed): string {
  return `the ${type!.toLowerCase()} ${name ?? uid}`;
}

/** The command that a device was sent, in the words of its platform: `EraseDevice`, `ERASE`. */
function readCommand(reader: RecordReader, { eventType }: CatalogueRow): string | undefined {
  const { record } = reader;
  if (eventType === 'device_command') return reader.text(record, 'command_type');
  if (eventType !== 'mdm_command_result') return undefined;
  const nested = reader.object(record, 'command');
  const command = reader.text(record, 'request_type') ?? reader.text(nested, 'request_type');
  if (command !== undefined && reader.peek(nested, 'request_type') === command) reader.consume(nested, 'request_type');
  return command;
}

function phraseOf(
  reader: RecordReader,
  row: CatalogueRow,
  entity: OcsfNamed,
  attributes: ClassAttributes,
): ActionPhrase {
  if (row.options.entity === 'Access Request') return phraseOfRequest(reader, row, entity, attributes);
  const name = callEntity(entity);
  const policy = reader.peek(reader.object(reader.record, 'resource'), 'policy_name');
  if (row.eventType === 'policy_result' && policy !== undefined)
    return impersonal(`the policy ${policy} was applied to ${name}`, `the policy ${policy} failed on ${name}`);
  const owner = entity.user?.name;
  if (row.eventType === 'saas_management_account_user_assign' && owner !== undefined)
    return phrase(['assigned', 'assign'], owner, owner, ` to ${name}`);
  const verb = typeof row.activity === 'number' ? activityVerbs[row.activity] : undefined;
  return phraseOfType(row.eventType, name) ?? phrase(verb ?? verbs.change, name);
}

const decisions = new Map<string, Verb>([
  ['approved', ['approved', 'approve']],
  ['denied', ['denied', 'deny']],
  ['rejected', ['rejected', 'reject']],
]);

/** What somebody asks for, and what an approver decided: `resource` is the thing, or the person whom it is for. */
function phraseOfRequest(
  reader: RecordReader,
  { eventType }: CatalogueRow,
  entity: OcsfNamed,
  attributes: ClassAttributes,
): ActionPhrase {
  const { record } = reader;
  const resource = reader.object(record, 'resource');
  const subject = isPerson(reader, resource) ? ' for ' : ' to ';
  if (entity.name === undefined) {
    const name = readName(reader, resource);
    if (name !== undefined) entity.name = name;
  }
  const sudo = readSudo(reader, reader.object(record, 'additionalAttributes'));
  attributes.access_list = sudo?.enabled === true ? sudoPrivileges(sudo) : [ACCESS];
  const asked = `${enumerate(attributes.access_list)}${entity.name === undefined ? '' : subject + entity.name}`;
  const request = `the request ${entity.uid ?? ''} of ${asked}`;
  if (eventType.endsWith('_approval')) {
    const word = reader.peek(record, 'result')?.toLowerCase() ?? '';
    return phrase(decisions.get(word) ?? ['decided on', 'decide on'], request);
  }
  return phrase(['requested', 'request'], asked);
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
