import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, Deed, Mapped, OcsfNamed } from './class-attributes.js';
import { addSurroundings } from './context.js';
import { readNamed } from './named.js';
import { type Outcome, readOutcome } from './outcome.js';
import type { Reading } from './record-reader.js';

const ASSIGN = 1;
const REVOKE = 2;
const OTHER = 99;

const deeds: Readonly<Record<number, Deed>> = {
  5: { done: 'deleted the group', todo: 'delete the group' },
  6: { done: 'created the group', todo: 'create the group' },
};

/** Groups made, changed and deleted (3006); undefined where the record names no group. */
export function mapGroupManagement(reading: Reading, row: CatalogueRow): Mapped | undefined {
  const { record } = reading;
  const group =
    readNamed(reading, reading.object(record, 'resource')) ??
    readNamed(reading, reading.object(record, 'group')) ??
    readNamed(reading, reading.object(record, 'system_group'), 'system_group');
  if (group === undefined) return undefined;
  const attributes: ClassAttributes = { group };
  const actor = readActor(reading);
  if (actor !== undefined) attributes.actor = actor;
  addSurroundings(reading, attributes);
  const activityId = typeof row.activity === 'number' ? row.activity : OTHER;
  const { done, todo } = deeds[activityId] ?? { done: `did ${row.eventType} for`, todo: `do ${row.eventType} for` };
  const name = callGroup(group);
  return {
    classUid: 3006,
    activityId,
    outcome: readOutcome(reading, row.options.outcome),
    attributes,
    deed: { done: `${done} ${name}`, todo: `${todo} ${name}` },
  };
}

/** The event of a privilege given to `attributes.group`, or taken away. */
export function groupPrivilege(
  attributes: ClassAttributes,
  outcome: Outcome,
  grants: boolean,
  privilege: string,
): Mapped {
  const resource = attributes.resource?.name ?? attributes.resource?.uid;
  const on = resource === undefined ? '' : ` on ${resource}`;
  const name = callGroup(attributes.group!);
  return {
    classUid: 3006,
    activityId: grants ? ASSIGN : REVOKE,
    outcome,
    attributes: { ...attributes, privileges: [privilege] },
    deed: grants
      ? { done: `gave ${privilege} to ${name}${on}`, todo: `give ${privilege} to ${name}${on}` }
      : { done: `took ${privilege} from ${name}${on}`, todo: `take ${privilege} from ${name}${on}` },
  };
}

export function callGroup(group: OcsfNamed): string {
  return group.name ?? group.uid ?? 'a group';
}
