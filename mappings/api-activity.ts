import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import { addContext } from './context.js';
import { readStatus } from './event-status.js';
import { readNamed } from './named.js';
import { type ActionPhrase, phrase } from './phrase.js';
import type { RecordReader } from './record-reader.js';
import { verbOfType } from './usage-verbs.js';

/** Objects that an operation is about. */
const resourceKeys = ['resource', 'application', 'command', 'file', 'report', 'workflow'];

/** Uses of JumpCloud's services (6003); undefined where the record names no actor or no address, which OCSF requires. */
export function mapApiActivity(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const actor = readActor(reader);
  if (actor === undefined) return undefined;
  const attributes: ClassAttributes = {
    actor,
    api: { operation: row.eventType, service: { name: `JumpCloud ${row.service}` } },
  };
  addContext(reader, attributes);
  if (attributes.src_endpoint === undefined) return undefined;
  const resources = readResources(reader, row);
  if (resources.length > 0) attributes.resources = resources;
  return {
    className: 'api_activity',
    activityId: typeof row.activity === 'number' ? row.activity : 99,
    status: readStatus(reader, row.options.status),
    attributes,
    action: phraseOf(row, resources[0]?.name ?? resources[0]?.uid),
  };
}

function readResources(reader: RecordReader, { service }: CatalogueRow): OcsfNamed[] {
  // The AI gateway's events are about sessions.
  const uid = service === 'aigw' ? reader.text(reader.record, 'session_id') : undefined;
  const session = uid === undefined ? [] : [{ uid, type: 'session' }];
  const things = resourceKeys
    .map((key) => readNamed(reader, reader.object(reader.record, key), key === 'resource' ? undefined : key))
    .filter((thing) => thing !== undefined);
  return [...things, ...session];
}

function phraseOf({ eventType }: CatalogueRow, name: string | undefined): ActionPhrase {
  const { verb, object, tail } = verbOfType(eventType) ?? { verb: ['used', 'use'] as const, object: eventType };
  const text = `the ${object}${name === undefined ? '' : ` ${name}`}`;
  return phrase(verb, text, text, tail);
}
