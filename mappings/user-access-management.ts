import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import { addContext } from './context.js';
import { type EventStatus, readStatus } from './event-status.js';
import { groupPrivilege } from './group-management.js';
import { readNamed } from './named.js';
import type { RecordReader } from './record-reader.js';
import { addName, displayNameOf, isPerson, readUser } from './user.js';

const ASSIGN = 1;
const REVOKE = 2;

/** Privileges given to a person or taken away (3005); of a group it is 3006. Undefined where the record names neither. */
export function mapUserAccess(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const { record } = reader;
  const resource = reader.object(record, 'resource');
  const grants = row.options.grants === true;
  const privilege = row.options.privilege!;
  const attributes: ClassAttributes = {};
  const actor = readActor(reader);
  if (actor !== undefined) attributes.actor = actor;
  const isGroup = reader.peek(resource, 'type')?.toLowerCase().includes('group') === true;
  const user = isGroup
    ? undefined
    : isPerson(reader, resource)
      ? readUser(reader, resource)
      : addName(reader, undefined, record, 'username');
  const group = isGroup ? readNamed(reader, resource) : undefined;
  const system = readNamed(reader, reader.object(record, 'system'), 'system');
  addContext(reader, attributes);
  const status = readStatus(reader, row.options.status);
  if (group !== undefined) {
    if (system !== undefined) attributes.resource = system;
    return groupPrivilege({ ...attributes, group }, status, grants, privilege);
  }
  if (user === undefined) return undefined;
  if (system !== undefined) attributes.resources = [system];
  return accessChange({ ...attributes, user }, status, grants, privilege);
}

/** The event of a privilege given to `attributes.user`, or taken away. */
export function accessChange(
  attributes: ClassAttributes,
  status: EventStatus,
  grants: boolean,
  privilege: string,
  activityId = grants ? ASSIGN : REVOKE,
): ClassMapping {
  const user = displayNameOf(attributes.user) ?? 'a user';
  const on = onThing(attributes.resources?.[0]);
  const [given, taken] = [`${privilege} to ${user}${on}`, `${privilege} from ${user}${on}`];
  return {
    className: 'user_access',
    activityId,
    status,
    attributes: { ...attributes, privileges: [privilege] },
    action: grants
      ? { done: `gave ${given}`, todo: `give ${given}` }
      : { done: `took ${taken}`, todo: `take ${taken}` },
  };
}

/** ` on …`, or nothing. */
export function onThing(thing: OcsfNamed | undefined): string {
  const name = thing?.name ?? thing?.uid;
  return name === undefined ? '' : ` on ${name}`;
}
