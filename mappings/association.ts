import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { addContext } from './context.js';
import { readEntity } from './entity-kinds.js';
import { type EventStatus, readStatus } from './event-status.js';
import type { JsonObject } from './json.js';
import { groupNameOf, readNamed } from './named.js';
import { type ActionPhrase, phrase } from './phrase.js';
import {
  ACCESS,
  accessChange,
  groupPrivilege,
  onThing,
  type PrivilegeChange,
  readSudo,
  type Sudo,
  sudoPrivileges,
} from './privileges.js';
import type { RecordReader } from './record-reader.js';
import { displayNameOf, type OcsfUser, readUser } from './user.js';

type Kind = 'user' | 'user_group' | 'device_group' | 'policy_group' | 'device' | 'other';

interface End {
  readonly kind: Kind;
  readonly of: JsonObject;
}

interface Association {
  readonly reader: RecordReader;
  readonly sudo: Sudo | undefined;
  readonly row: CatalogueRow;
  /** True for add, false for remove, undefined for any other operation. */
  readonly adds: boolean | undefined;
  readonly attributes: ClassAttributes;
  readonly status: EventStatus;
}

/**
 * What an association connects decides the class: a user and a group of users 3006, a user and anything else 3005, a
 * group of users and what it is given 3006, devices and what applies to them 3004. Undefined where an end is missing or unnamed.
 */
export function mapAssociation(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const association = reader.object(reader.record, 'association');
  const connection = reader.object(association, 'connection');
  const from = readEnd(reader, connection, 'from');
  const to = readEnd(reader, connection, 'to');
  if (association === undefined || from === undefined || to === undefined) return undefined;
  const op = reader.peek(association, 'op')?.toLowerCase();
  if (op === 'add' || op === 'remove') reader.consume(association, 'op');
  const attributes: ClassAttributes = {};
  const actor = readActor(reader);
  if (actor !== undefined) attributes.actor = actor;
  addContext(reader, attributes);
  const adds = op === 'add' ? true : op === 'remove' ? false : undefined;
  const sudo = readSudo(reader, reader.object(association, 'attributes'));
  const parts: Association = { reader, row, adds, sudo, attributes, status: readStatus(reader) };
  const user = from.kind === 'user' ? from : to.kind === 'user' ? to : undefined;
  if (user !== undefined) return ofUser(parts, user, user === from ? to : from);
  const device = from.kind === 'device' ? from : to.kind === 'device' ? to : undefined;
  if (device !== undefined) return ofEntity(parts, device, device === from ? to : from);
  if (isGroup(from) && from.kind === to.kind) return ofSubgroup(parts, from, to);
  const group = from.kind === 'user_group' ? from : to.kind === 'user_group' ? to : undefined;
  if (group !== undefined) return ofGroup(parts, group, group === from ? to : from);
  // What applies to a group of devices is no privilege of theirs: as with one device, it is the group that changes.
  const devices = to.kind === 'device_group' ? to : from;
  return ofEntity(parts, devices, devices === from ? to : from);
}

function isGroup({ kind }: End): boolean {
  return kind === 'user_group' || kind === 'device_group' || kind === 'policy_group';
}

function readEnd(reader: RecordReader, connection: JsonObject | undefined, key: 'from' | 'to'): End | undefined {
  const of = reader.object(connection, key);
  if (of === undefined) return undefined;
  if (
    reader.peek(of, 'object_id') === undefined &&
    reader.peek(of, 'id') === undefined &&
    reader.peek(of, 'name') === undefined
  )
    return undefined;
  const type = reader.peek(of, 'type')?.toLowerCase() ?? '';
  if (type === 'user' || type === 'systemuser') return { kind: 'user', of };
  if (type === 'user_group') return { kind: 'user_group', of };
  if (type === 'system') return { kind: 'device', of };
  if (type === 'system_group') return { kind: 'device_group', of };
  return { kind: type === 'policy_group' ? 'policy_group' : 'other', of };
}

function ofUser(parts: Association, end: End, other: End): ClassMapping | undefined {
  const { reader, adds, attributes, status } = parts;
  const user = readAssociated(reader, end.of);
  const thing = readNamed(reader, other.of);
  if (user === undefined || thing === undefined) return undefined;
  if (other.kind !== 'user_group') {
    const all = { ...attributes, user, resources: [thing] };
    return withOperation(parts, displayNameOf(user) ?? 'an unnamed user', (privileges) =>
      accessChange(all, status, privileges),
    );
  }
  const [name, group] = [displayNameOf(user) ?? 'a user', groupNameOf(thing)];
  return {
    className: 'group_management',
    activityId: adds === undefined ? 99 : adds ? 3 : 4,
    status,
    attributes: { ...attributes, group: thing, user },
    action: memberPhrase(adds, name, group),
  };
}

/** The person at the end of an association: `{type, name, object_id}`. */
function readAssociated(reader: RecordReader, of: JsonObject): OcsfUser | undefined {
  const uid = reader.text(of, 'object_id');
  const user = readUser(reader, of);
  if (uid === undefined) return user;
  return user === undefined ? { uid, type_id: 1, type: 'User' } : { ...user, uid };
}

function ofSubgroup({ reader, adds, attributes, status }: Association, end: End, other: End): ClassMapping | undefined {
  const group = readNamed(reader, end.of);
  const subgroup = readNamed(reader, other.of);
  if (group === undefined || subgroup === undefined) return undefined;
  return {
    className: 'group_management',
    activityId: adds === undefined ? 99 : adds ? 7 : 8,
    status,
    attributes: { ...attributes, group, subgroup },
    action: memberPhrase(adds, groupNameOf(subgroup), groupNameOf(group)),
  };
}

function ofGroup(parts: Association, end: End, other: End): ClassMapping | undefined {
  const { reader, attributes, status } = parts;
  const group = readNamed(reader, end.of);
  const resource = readNamed(reader, other.of);
  if (group === undefined || resource === undefined) return undefined;
  const all = { ...attributes, group, resource };
  return withOperation(parts, groupNameOf(group), (privileges) => groupPrivilege(all, status, privileges));
}

/** A device or another thing that something was attached to or taken from; that something stays in `unmapped`. */
function ofEntity(
  { reader, row, adds, attributes, status }: Association,
  end: End,
  other: End,
): ClassMapping | undefined {
  const entity = readEntity(reader, end.of, row.eventType);
  if (entity === undefined) return undefined;
  const name = entity.name ?? entity.uid ?? 'a thing';
  const second = thingNameOf(reader, other);
  return {
    className: 'entity_management',
    activityId: adds === undefined ? 99 : 3,
    status,
    attributes: { ...attributes, entity },
    action: memberPhrase(adds, second, name),
  };
}

function thingNameOf(reader: RecordReader, { of }: End): string {
  return reader.peek(of, 'name') ?? reader.peek(of, 'object_id') ?? 'something';
}

/**
 * What an association gives or takes. An operation that neither adds nor removes says with `sudo` what holds from now
 * on; without it nothing is known but that the access changed (99).
 */
function withOperation(
  { adds, sudo }: Association,
  name: string,
  build: (privileges: PrivilegeChange) => ClassMapping,
): ClassMapping {
  const extra = sudo?.enabled ? sudoPrivileges(sudo) : [];
  if (adds === true) return build({ granted: [ACCESS, ...extra], revoked: [] });
  if (adds === false) return build({ granted: [], revoked: [ACCESS, ...extra] });
  if (sudo !== undefined)
    return build(sudo.enabled ? { granted: extra, revoked: [] } : { granted: [], revoked: sudoPrivileges() });
  const mapped = build({ granted: [ACCESS], revoked: [] });
  const { resource, resources } = mapped.attributes;
  const on = onThing(resource ?? resources?.[0]);
  return { ...mapped, activityId: 99, action: phrase(['changed', 'change'], `the access of ${name}${on}`) };
}

function memberPhrase(adds: boolean | undefined, what: string, where: string): ActionPhrase {
  if (adds === undefined) return phrase(['changed', 'change'], `the association of ${what} and ${where}`);
  return adds
    ? phrase(['added', 'add'], what, what, ` to ${where}`)
    : phrase(['removed', 'remove'], what, what, ` from ${where}`);
}
