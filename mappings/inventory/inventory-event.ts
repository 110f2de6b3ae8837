import type { OcsfTarget } from '../../schemas/ocsf-target.js';
import { describeErrors } from '../../schemas/validators.js';
import { classification } from '../classification.js';
import type { NormalisedEvent, OcsfEvent } from '../event.js';
import type { JsonObject } from '../json.js';
import { sha256 } from '../record.js';
import { serialise } from '../serialise.js';
import { describeAdministrator, describeUser } from './account.js';
import type { EmployeeMatch } from './employee-match.js';
import { type Described, type InventoryObject, nameOf, type SnapshotContext, sourceOf } from './object.js';
import { describeResource } from './resource.js';

const COLLECT = 2;
const OTHER = 99;

/**
 * The event for an object that was found new or changed (`collect`), or that is gone. The uid names organization, kind,
 * id, generation and content: a value that comes back gets a uid of its own, and a repeated delivery the same one.
 * @param contentHash of the object as stored
 * @throws Error where the event does not fit its class: a defect of this mapping
 */
export function inventoryEvent(
  object: InventoryObject,
  change: 'collect' | 'gone',
  contentHash: string,
  context: SnapshotContext,
  target: OcsfTarget,
  employee?: EmployeeMatch,
): NormalisedEvent {
  const described = change === 'gone' ? describeGone(object, context) : describe(object, context, employee);
  const definition = target.classes[described.className];
  const activity = change === 'gone' ? OTHER : COLLECT;
  const uid = sha256(
    JSON.stringify([
      'inventory',
      context.organization.id,
      object.kind,
      object.id,
      context.generation,
      change,
      contentHash,
    ]),
  ).slice(0, 32);
  const event: JsonObject = {
    ...classification(definition, activity, change === 'gone' ? 'Gone' : undefined),
    severity_id: 1,
    severity: target.captions.severity[1] as string,
    status_id: 1,
    status: definition.statuses[1] as string,
    status_code: change === 'gone' ? 'absent' : '200',
    status_detail: change === 'gone' ? 'absent from complete snapshots' : 'read',
    time: context.observedAt,
    timezone_offset: 0,
    message: described.message,
    ...described.attributes,
    metadata: metadataOf(object, uid, context, target),
    ...(described.unmapped && Object.keys(described.unmapped).length > 0 ? { unmapped: described.unmapped } : {}),
  };
  const validator = target.validators[described.className];
  if (!validator(event))
    throw new Error(`the inventory event of a ${object.kind} is not valid: ${describeErrors(validator).join('; ')}`);
  return {
    uid,
    classUid: definition.uid,
    typeUid: definition.uid * 100 + activity,
    time: context.observedAt,
    eventCode: `inventory.${sourceOf[object.kind]}`,
    partitionKey: object.id,
    text: serialise(event as unknown as OcsfEvent),
  };
}

function describe(object: InventoryObject, context: SnapshotContext, employee: EmployeeMatch | undefined): Described {
  switch (object.kind) {
    case 'user':
      return describeUser(object, context, employee);
    case 'administrator':
      return describeAdministrator(object, context, employee);
    default:
      return describeResource(object, context);
  }
}

function describeGone(object: InventoryObject, context: SnapshotContext): Described {
  const { kind, id, fields } = object;
  if (kind !== 'user' && kind !== 'administrator') {
    const described = describeResource(object, context);
    return { ...described, message: `The ${kind} ${nameOf(object)} is no longer in the directory` };
  }
  const name = nameOf(object);
  const isUser = kind === 'user';
  return {
    className: 'user_inventory',
    message: `The ${kind} ${name} is no longer in the directory`,
    attributes: { user: { uid: id, name, type_id: isUser ? 1 : 2, type: isUser ? 'User' : 'Admin' } },
    ...(typeof fields.email === 'string' && fields.email !== '' ? { unmapped: { email: fields.email } } : {}),
  };
}

function metadataOf(object: InventoryObject, uid: string, context: SnapshotContext, target: OcsfTarget): JsonObject {
  const source = sourceOf[object.kind];
  const { mapper, accountName, feed } = context;
  return {
    uid,
    version: target.version,
    product: { name: 'Console API', vendor_name: 'JumpCloud', feature: { name: source } },
    log_name: `inventory.${source}`,
    log_source: source,
    log_provider: 'JumpCloud Console API',
    log_format: 'JSON',
    event_code: `inventory.${source}`,
    original_event_uid: object.id,
    original_time: new Date(context.observedAt).toISOString(),
    tenant_uid: context.organization.id,
    logged_time: context.observedAt,
    correlation_uid: context.snapshotId,
    reporter: { name: mapper.name, uid: `feed:${feed}` },
    ...(accountName === undefined ? {} : { tags: [{ name: 'AccountName', value: accountName }] }),
    transformation_info_list: [{ name: mapper.name, product: { name: mapper.name, version: mapper.version } }],
  };
}
