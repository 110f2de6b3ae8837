import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import { addContext } from './context.js';
import { readStatus } from './event-status.js';
import { readNamed } from './named.js';
import type { RecordReader } from './record-reader.js';

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
  const about = resources[0]?.name ?? resources[0]?.uid;
  const object = about === undefined ? row.eventType : `${row.eventType} on ${about}`;
  return {
    className: 'api_activity',
    activityId: typeof row.activity === 'number' ? row.activity : 99,
    status: readStatus(reader, row.options.status),
    attributes,
    action: { done: `did ${object}`, todo: `do ${object}` },
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
