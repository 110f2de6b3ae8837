import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, Mapped, OcsfNamed } from './class-attributes.js';
import { addSurroundings } from './context.js';
import { readEntity } from './entity-kinds.js';
import { callGroup, groupPrivilege } from './group-management.js';
import type { JsonObject } from './json.js';
import { readNamed } from './named.js';
import { type Outcome, readOutcome } from './outcome.js';
import type { Reading } from './record-reader.js';
import { callUser, type OcsfUser, readUser } from './user.js';
import { accessChange } from './user-access-management.js';

/** JumpCloud does not say which privilege an association gives: this word of ours stands for "may use it". */
const PRIVILEGE = 'access';

type Kind = 'user' | 'user_group' | 'device_group' | 'policy_group' | 'device' | 'other';

interface End {
  readonly kind: Kind;
  readonly of: JsonObject;
}

interface Association {
  readonly reading: Reading;
  readonly row: CatalogueRow;
  /** True for add, false for remove, undefined for any other operation. */
  readonly adds: boolean | undefined;
  readonly attributes: ClassAttributes;
  readonly outcome: Outcome;
}

/**
 * What an association connects decides the class: a user and a group of users 3006, a user and anything else 3005, a
 * group of users and what it is given 3006, devices and what applies to them 3004. Undefined where an end is missing or unnamed.
 */
export function mapAssociation(reading: Reading, row: CatalogueRow): Mapped | undefined {
  const association = reading.object(reading.record, 'association');
  const connection = reading.object(association, 'connection');
  const from = readEnd(reading, connection, 'from');
  const to = readEnd(reading, connection, 'to');
  if (association === undefined || from === undefined || to === undefined) return undefined;
  const op = reading.peek(association, 'op')?.toLowerCase();
  if (op === 'add' || op === 'remove') reading.take(association, 'op');
  const attributes: ClassAttributes = {};
  const actor = readActor(reading);
  if (actor !== undefined) attributes.actor = actor;
  addSurroundings(reading, attributes);
  const adds = op === 'add' ? true : op === 'remove' ? false : undefined;
  const parts: Association = { reading, row, adds, attributes, outcome: readOutcome(reading) };
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

function readEnd(reading: Reading, connection: JsonObject | undefined, key: 'from' | 'to'): End | undefined {
  const of = reading.object(connection, key);
  if (of === undefined) return undefined;
  if (
    reading.peek(of, 'object_id') === undefined &&
    reading.peek(of, 'id') === undefined &&
    reading.peek(of, 'name') === undefined
  )
    return undefined;
  const type = reading.peek(of, 'type')?.toLowerCase() ?? '';
  if (type === 'user' || type === 'systemuser') return { kind: 'user', of };
  if (type === 'user_group') return { kind: 'user_group', of };
  if (type === 'system') return { kind: 'device', of };
  if (type === 'system_group') return { kind: 'device_group', of };
  return { kind: type === 'policy_group' ? 'policy_group' : 'other', of };
}

function ofUser({ reading, row, adds, attributes, outcome }: Association, end: End, other: End): Mapped | undefined {
  const user = readAssociated(reading, end.of);
  const thing = readNamed(reading, other.of);
  if (user === undefined || thing === undefined) return undefined;
  if (other.kind !== 'user_group') {
    const given = accessChange({ ...attributes, user, resources: [thing] }, outcome, adds !== false, PRIVILEGE);
    return adds === undefined ? unknownOperation(given, row) : given;
  }
  const [name, group] = [callUser(user) ?? 'a user', callGroup(thing)];
  return {
    classUid: 3006,
    activityId: adds === undefined ? 99 : adds ? 3 : 4,
    outcome,
    attributes: { ...attributes, group: thing, user },
    deed: memberDeed(row, adds, name, group),
  };
}

/** The person at the end of an association: `{type, name, object_id}`. */
function readAssociated(reading: Reading, of: JsonObject): OcsfUser | undefined {
  const uid = reading.text(of, 'object_id');
  const user = readUser(reading, of);
  if (uid === undefined) return user;
  return user === undefined ? { uid, type_id: 1, type: 'User' } : { ...user, uid };
}

function ofSubgroup(
  { reading, row, adds, attributes, outcome }: Association,
  end: End,
  other: End,
): Mapped | undefined {
  const group = readNamed(reading, end.of);
  const subgroup = readNamed(reading, other.of);
  if (group === undefined || subgroup === undefined) return undefined;
  return {
    classUid: 3006,
    activityId: adds === undefined ? 99 : adds ? 7 : 8,
    outcome,
    attributes: { ...attributes, group, subgroup },
    deed: memberDeed(row, adds, callGroup(subgroup), callGroup(group)),
  };
}

function ofGroup({ reading, row, adds, attributes, outcome }: Association, end: End, other: End): Mapped | undefined {
  const group = readNamed(reading, end.of);
  const resource = readNamed(reading, other.of);
  if (group === undefined || resource === undefined) return undefined;
  const given = groupPrivilege({ ...attributes, group, resource }, outcome, adds !== false, PRIVILEGE);
  return adds === undefined ? unknownOperation(given, row) : given;
}

/** A device or another thing that something was attached to or taken from; that something stays in `unmapped`. */
function ofEntity({ reading, row, adds, attributes, outcome }: Association, end: End, other: End): Mapped | undefined {
  const entity = readEntity(reading, end.of, row.eventType);
  if (entity === undefined) return undefined;
  const name = entity.name ?? entity.uid ?? 'a thing';
  const second = callThing(reading, other);
  return {
    classUid: 3004,
    activityId: adds === undefined ? 99 : 3,
    outcome,
    attributes: { ...attributes, entity },
    deed: memberDeed(row, adds, second, name),
  };
}

function callThing(reading: Reading, { of }: End): string {
  return reading.peek(of, 'name') ?? reading.peek(of, 'object_id') ?? 'something';
}

function unknownOperation(mapped: Mapped, { eventType }: CatalogueRow): Mapped {
  return { ...mapped, activityId: 99, deed: { done: `did ${eventType}`, todo: `do ${eventType}` } };
}

function memberDeed({ eventType }: CatalogueRow, adds: boolean | undefined, what: string, where: OcsfNamed['name']) {
  if (adds === undefined)
    return { done: `did ${eventType} for ${what} and ${where}`, todo: `do ${eventType} for ${what} and ${where}` };
  return adds
    ? { done: `added ${what} to ${where}`, todo: `add ${what} to ${where}` }
    : { done: `removed ${what} from ${where}`, todo: `remove ${what} from ${where}` };
}
