import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { addContext } from './context.js';
import { readStatus } from './event-status.js';
import { groupNameOf, readNamed } from './named.js';
import type { ActionPhrase } from './phrase.js';
import type { RecordReader } from './record-reader.js';

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
