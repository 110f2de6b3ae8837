import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ActionPhrase, ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import { addContext } from './context.js';
import { type EventStatus, readStatus } from './event-status.js';
import { readNamed } from './named.js';
import type { RecordReader } from './record-reader.js';

const ASSIGN = 1;
const REVOKE = 2;
const OTHER = 99;

const phrases: Readonly<Record<number, ActionPhrase>> = {
  5: { done: 'deleted the group', todo: 'delete the group' },
  6: { done: 'created the group', todo: 'create the group' },
};

/** Groups made, changed and deleted (3006); undefined where the record names no group. */
export function mapGroupManagement(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const { record } = reader;
  const group =
    readNamed(reader, reader.object(record, 'resource')) ??
    readNamed(reader, reader.object(record, 'group')) ??
    readNamed(reader, reader.object(record, 'system_group'), 'system_group');
  if (group === undefined) return undefined;
  const attributes: ClassAttributes = { group };
  const actor = readActor(reader);
  if (actor !== undefined) attributes.actor = actor;
  addContext(reader, attributes);
  const activityId = typeof row.activity === 'number' ? row.activity : OTHER;
  const { done, todo } = phrases[activityId] ?? { done: `did ${row.eventType} for`, todo: `do ${row.eventType} for` };
  const name = groupNameOf(group);
  return {
    className: 'group_management',
    activityId,
    status: readStatus(reader, row.options.status),
    attributes,
    action: { done: `${done} ${name}`, todo: `${todo} ${name}` },
  };
}

/** The event of a privilege given to `attributes.group`, or taken away. */
export function groupPrivilege(
  attributes: ClassAttributes,
  status: EventStatus,
  grants: boolean,
  privilege: string,
): ClassMapping {
  const resource = attributes.resource?.name ?? attributes.resource?.uid;
  const on = resource === undefined ? '' : ` on ${resource}`;
  const name = groupNameOf(attributes.group!);
  return {
    className: 'group_management',
    activityId: grants ? ASSIGN : REVOKE,
    status,
    attributes: { ...attributes, privileges: [privilege] },
    action: grants
      ? { done: `gave ${privilege} to ${name}${on}`, todo: `give ${privilege} to ${name}${on}` }
      : { done: `took ${privilege} from ${name}${on}`, todo: `take ${privilege} from ${name}${on}` },
  };
}

export function groupNameOf(group: OcsfNamed): string {
  return group.name ?? group.uid ?? 'a group';
}
