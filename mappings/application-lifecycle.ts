import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, Mapped } from './class-attributes.js';
import { readDevice } from './device.js';
import { readOutcome } from './outcome.js';
import type { Reading } from './record-reader.js';

const verbs: Readonly<Record<number, [done: string, todo: string]>> = {
  1: ['installed', 'install'],
  2: ['removed', 'remove'],
  8: ['updated', 'update'],
};

/** Software that appears on a device, changes or goes (6002); undefined where the record does not name it. */
export function mapApplicationLifecycle(reading: Reading, row: CatalogueRow): Mapped | undefined {
  const { record } = reading;
  const application = reading.object(record, 'application');
  const name = reading.text(application, 'name');
  if (name === undefined) return undefined;
  const app: NonNullable<ClassAttributes['app']> = { name };
  const version = reading.code(application, 'version');
  if (version !== undefined) app.version = version;
  const path = reading.text(application, 'path');
  if (path !== undefined) app.path = path;
  const publisher = reading.text(application, 'publisher');
  if (publisher !== undefined) app.vendor_name = publisher;
  const attributes: ClassAttributes = { app };
  const device = readDevice(reading, reading.object(record, 'system'));
  if (device !== undefined) {
    attributes.device = device;
    // OCSF allows an actor here only beside a device (profile host).
    const actor = readActor(reading);
    if (actor !== undefined) attributes.actor = actor;
  }
  const activityId = typeof row.activity === 'number' ? row.activity : 99;
  const [done, todo] = verbs[activityId] ?? [`did ${row.eventType} for`, `do ${row.eventType} for`];
  const on = device === undefined ? '' : ` on ${device.hostname ?? device.name ?? device.uid}`;
  return {
    classUid: 6002,
    activityId,
    outcome: readOutcome(reading, row.options.outcome),
    attributes,
    deed: { done: `${done} ${name}${on}`, todo: `${todo} ${name}${on}` },
  };
}
