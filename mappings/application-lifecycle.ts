import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { readDevice } from './device.js';
import { readStatus } from './event-status.js';
import { type ActionPhrase, phrase, type Verb } from './phrase.js';
import type { RecordReader } from './record-reader.js';

const verbs: Readonly<Record<number, Verb>> = {
  1: ['installed', 'install'],
  2: ['removed', 'remove'],
  8: ['updated', 'update'],
};

/** Requests are no change yet. */
const requests: Readonly<Record<string, string>> = {
  software_add_request: 'the installation of',
  software_change_request: 'the update of',
  software_remove_request: 'the removal of',
};

/** Software that appears on a device, changes or goes (6002); undefined where the record does not name it. */
export function mapApplicationLifecycle(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const { record } = reader;
  const application = reader.object(record, 'application');
  const name = reader.text(application, 'name');
  if (name === undefined) return undefined;
  const app: NonNullable<ClassAttributes['app']> = { name };
  const version = reader.code(application, 'version');
  if (version !== undefined) app.version = version;
  const path = reader.text(application, 'path');
  if (path !== undefined) app.path = path;
  const publisher = reader.text(application, 'publisher');
  if (publisher !== undefined) app.vendor_name = publisher;
  const attributes: ClassAttributes = { app };
  const device = readDevice(reader, reader.object(record, 'system'));
  if (device !== undefined) attributes.device = device;
  const actor = readActor(reader);
  if (actor !== undefined) attributes.actor = actor;
  const activityId = typeof row.activity === 'number' ? row.activity : 99;
  const on = device === undefined ? '' : ` on ${device.hostname ?? device.name ?? device.uid}`;
  return {
    className: 'application_lifecycle',
    activityId,
    status: readStatus(reader, row.options.status),
    attributes,
    action: phraseOf(row, activityId, name, on),
  };
}

function phraseOf({ eventType }: CatalogueRow, activityId: number, name: string, on: string): ActionPhrase {
  const verb = verbs[activityId];
  if (verb !== undefined) return phrase(verb, name, name, on);
  const requested = `${requests[eventType] ?? 'a change of'} ${name}`;
  return phrase(['requested', 'request'], requested, requested, on);
}
