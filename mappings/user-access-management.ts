import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { addContext } from './context.js';
import { readStatus } from './event-status.js';
import { readNamed } from './named.js';
import { accessChange, groupPrivilege } from './privileges.js';
import type { RecordReader } from './record-reader.js';
import { addName, isPerson, readUser } from './user.js';

/** Privileges given to a person or taken away (3005); of a group it is 3006. Undefined where the record names neither. */
export function mapUserAccess(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const { record } = reader;
  const resource = reader.object(record, 'resource');
  const privileges =
    row.options.grants === true
      ? { granted: [row.options.privilege!], revoked: [] }
      : { granted: [], revoked: [row.options.privilege!] };
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
    return groupPrivilege({ ...attributes, group }, status, privileges);
  }
  if (user === undefined) return undefined;
  if (system !== undefined) attributes.resources = [system];
  return accessChange({ ...attributes, user }, status, privileges);
}
