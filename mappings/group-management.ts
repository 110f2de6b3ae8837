import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { addContext } from './context.js';
import { phraseOfType, verbs } from './event-phrases.js';
import { readStatus } from './event-status.js';
import { groupNameOf, readNamed } from './named.js';
import { phrase, type Verb } from './phrase.js';
import type { RecordReader } from './record-reader.js';

const OTHER = 99;

const activityVerbs: Readonly<Record<number, Verb>> = { 5: verbs.delete, 6: verbs.create };

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
  const name = groupNameOf(group);
  return {
    className: 'group_management',
    activityId,
    status: readStatus(reader, row.options.status),
    attributes,
    action: phraseOfType(row.eventType, name) ?? phrase(activityVerbs[activityId] ?? verbs.change, `the group ${name}`),
  };
}
