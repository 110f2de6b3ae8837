import type { InventoryKind, InventoryObject, SnapshotContext } from '../../mappings/inventory/object.js';
import { nameOf } from '../../mappings/inventory/object.js';
import type { JsonObject } from '../../mappings/json.js';
import type { Entity } from '../sinks/sink.js';
import type { EdgeParts, Entry, TargetType } from './entry.js';
import type { DeliveredName } from './stages.js';

const MS = 1000;

/** How graph stores name each kind of object: `entity_type` and `entity_class`, as JupiterOne's JumpCloud graph has them. */
const graphNames: Readonly<Record<InventoryKind, { type: string; class: readonly string[] }>> = {
  organization: { type: 'jumpcloud_account', class: ['Account', 'Organization'] },
  administrator: { type: 'jumpcloud_administrator', class: ['User'] },
  role: { type: 'jumpcloud_role', class: ['AccessRole'] },
  user: { type: 'jumpcloud_user', class: ['User'] },
  group: { type: 'jumpcloud_group', class: ['Group'] },
  application: { type: 'jumpcloud_application', class: ['Application'] },
};

/** The state of an object, or its tombstone. */
export function objectEntity(object: InventoryObject, after: Entry | undefined, context: SnapshotContext): Entity {
  const { kind, id, fields } = object;
  const org = context.organization.id;
  const entity = { type: kind, key: `${org}/${id}`, observedAt: context.observedAt };
  if (after === undefined) return { ...entity, value: undefined };
  const names = graphNames[kind];
  const value: JsonObject = {
    v: 1,
    kind,
    id,
    name: nameOf(object),
    entity_type: names.type,
    entity_class: [...names.class],
    ...seenBy(after, context),
    attributes: fields,
  };
  return { ...entity, value: JSON.stringify(value) };
}

/** What the edges of a stage are. */
interface EdgeNames {
  /** Of the entity: its `type` in tables and topics. */
  readonly type: string;
  readonly kind: 'has' | 'assigned' | 'held_by';
  readonly from: string;
}

const edgeNames: Readonly<Partial<Record<DeliveredName, EdgeNames>>> = {
  memberships: { type: 'membership', kind: 'has', from: 'group' },
  assignments: { type: 'assignment', kind: 'assigned', from: 'application' },
  role_holders: { type: 'role_holder', kind: 'held_by', from: 'role' },
  account_edges: { type: 'account_edge', kind: 'has', from: 'account' },
};

const targetNames: Readonly<Record<TargetType, string>> = {
  user: 'user',
  user_group: 'group',
  administrator: 'administrator',
};

/** The state of a relationship (schemas/relationship.json), or its tombstone. */
export function edgeEntity(
  stage: DeliveredName,
  { parent, type, target = '' }: EdgeParts,
  after: Entry | undefined,
  context: SnapshotContext,
): Entity {
  const names = edgeNames[stage] as EdgeNames;
  const org = context.organization.id;
  // These lead to users and groups alike; the other stages have one type of target.
  const key =
    stage === 'assignments' || stage === 'account_edges'
      ? `${parent}/${targetNames[type]}/${target}`
      : `${parent}/${target}`;
  const entity = { type: names.type, key: `${org}/${key}`, observedAt: context.observedAt };
  if (after === undefined) return { ...entity, value: undefined };
  const value: JsonObject = {
    v: 1,
    kind: names.kind,
    from: { type: names.from, id: parent },
    to: { type: targetNames[type], id: target },
    via: 'direct',
    ...seenBy(after, context),
    endpoints_known: after.known,
  };
  return { ...entity, value: JSON.stringify(value) };
}

/** Who an account is, or its tombstone. */
export function personEntity(kind: string, id: string, after: Entry | undefined, context: SnapshotContext): Entity {
  const org = context.organization.id;
  const entity = { type: 'person', key: `${org}/${kind}/${id}`, observedAt: context.observedAt };
  if (after === undefined) return { ...entity, value: undefined };
  const person = JSON.parse(after.json.toString()) as JsonObject;
  return { ...entity, value: JSON.stringify({ v: 1, kind, id, ...person, ...seenBy(after, context) }) };
}

function seenBy({ firstSeen }: Entry, context: SnapshotContext): JsonObject {
  return {
    first_seen: firstSeen * MS,
    last_confirmed: context.observedAt,
    generation: context.generation,
    snapshot: context.snapshotId,
    org: context.organization.id,
    ...(context.accountName === undefined ? {} : { account_name: context.accountName }),
  };
}
