import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { readClientDevice } from './device.js';
import { readStatus } from './event-status.js';
import type { RecordReader } from './record-reader.js';

/**
 * Anything (0): event types without a row, and those whose record lacks what their class requires. Actor and
 * device are of OCSF's profile host; the device is the one that the record names, else the one at `client_ip`.
 */
export function mapBaseEvent(reader: RecordReader, row: CatalogueRow): ClassMapping {
  const { record } = reader;
  const attributes: ClassAttributes = {};
  const device = readClientDevice(reader);
  if (device !== undefined) attributes.device = device;
  const actor = readActor(reader);
  if (actor !== undefined) attributes.actor = actor;
  const name = reader.peek(record, 'event_type') ?? 'something without a name';
  return {
    className: 'base_event',
    activityId: reader.peek(record, 'event_type') === undefined ? 0 : 99,
    status: readStatus(reader, row.options.status),
    attributes,
    action: { done: name, todo: name, event: name },
  };
}
