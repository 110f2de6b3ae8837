import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, Mapped, OcsfNamed } from './class-attributes.js';
import { addSurroundings } from './context.js';
import { readNamed } from './named.js';
import { readOutcome } from './outcome.js';
import type { Reading } from './record-reader.js';

/** Objects that an operation is about. */
const resourceKeys = ['resource', 'application', 'command', 'file', 'report', 'workflow'];

/** Uses of JumpCloud's services (6003); undefined where the record names no actor or no address, which OCSF requires. */
export function mapApiActivity(reading: Reading, row: CatalogueRow): Mapped | undefined {
  const actor = readActor(reading);
  if (actor === undefined) return undefined;
  const attributes: ClassAttributes = {
    actor,
    api: { operation: row.eventType, service: { name: `JumpCloud ${row.service}` } },
  };
  addSurroundings(reading, attributes);
  if (attributes.src_endpoint === undefined) return undefined;
  const resources = readResources(reading, row);
  if (resources.length > 0) attributes.resources = resources;
  const about = resources[0]?.name ?? resources[0]?.uid;
  const object = about === undefined ? row.eventType : `${row.eventType} on ${about}`;
  return {
    classUid: 6003,
    activityId: typeof row.activity === 'number' ? row.activity : 99,
    outcome: readOutcome(reading, row.options.outcome),
    attributes,
    deed: { done: `did ${object}`, todo: `do ${object}` },
  };
}

function readResources(reading: Reading, { service }: CatalogueRow): OcsfNamed[] {
  // The AI gateway's events are about sessions.
  const uid = service === 'aigw' ? reading.text(reading.record, 'session_id') : undefined;
  const session = uid === undefined ? [] : [{ uid, type: 'session' }];
  const things = resourceKeys
    .map((key) => readNamed(reading, reading.object(reading.record, key), key === 'resource' ? undefined : key))
    .filter((thing) => thing !== undefined);
  return [...things, ...session];
}
