import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, Mapped, OcsfNamed } from './class-attributes.js';
import { addSurroundings } from './context.js';
import { groupPrivilege } from './group-management.js';
import { readNamed } from './named.js';
import { type Outcome, readOutcome } from './outcome.js';
import type { Reading } from './record-reader.js';
import { addName, callUser, isPerson, readUser } from './user.js';

const ASSIGN = 1;
const REVOKE = 2;

/** Privileges given to a person or taken away (3005); of a group it is 3006. Undefined where the record names neither. */
export function mapUserAccess(reading: Reading, row: CatalogueRow): Mapped | undefined {
  const { record } = reading;
  const resource = reading.object(record, 'resource');
  const grants = row.options.grants === true;
  const privilege = row.options.privilege!;
  const attributes: ClassAttributes = {};
  const actor = readActor(reading);
  if (actor !== undefined) attributes.actor = actor;
  const isGroup = reading.peek(resource, 'type')?.toLowerCase().includes('group') === true;
  const user = isGroup
    ? undefined
    : isPerson(reading, resource)
      ? readUser(reading, resource)
      : addName(reading, undefined, record, 'username');
  const group = isGroup ? readNamed(reading, resource) : undefined;
  const system = readNamed(reading, reading.object(record, 'system'), 'system');
  addSurroundings(reading, attributes);
  const outcome = readOutcome(reading, row.options.outcome);
  if (group !== undefined) {
    if (system !== undefined) attributes.resource = system;
    return groupPrivilege({ ...attributes, group }, outcome, grants, privilege);
  }
  if (user === undefined) return undefined;
  if (system !== undefined) attributes.resources = [system];
  return accessChange({ ...attributes, user }, outcome, grants, privilege);
}

/** The event of a privilege given to `attributes.user`, or taken away. */
export function accessChange(
  attributes: ClassAttributes,
  outcome: Outcome,
  grants: boolean,
  privilege: string,
  activityId = grants ? ASSIGN : REVOKE,
): Mapped {
  const user = callUser(attributes.user) ?? 'a user';
  const on = callNamed(attributes.resources?.[0]);
  const [given, taken] = [`${privilege} to ${user}${on}`, `${privilege} from ${user}${on}`];
  return {
    classUid: 3005,
    activityId,
    outcome,
    attributes: { ...attributes, privileges: [privilege] },
    deed: grants ? { done: `gave ${given}`, todo: `give ${given}` } : { done: `took ${taken}`, todo: `take ${taken}` },
  };
}

/** ` on …`, or nothing. */
export function callNamed(thing: OcsfNamed | undefined): string {
  const name = thing?.name ?? thing?.uid;
  return name === undefined ? '' : ` on ${name}`;
}
