import { readActor } from './actor.js';
import type { CatalogueRow } from './catalogue/row.js';
import type { ClassAttributes, Mapped } from './class-attributes.js';
import { readDevice } from './device.js';
import { readOutcome } from './outcome.js';
import type { Reading } from './record-reader.js';

/**
 * Anything (0): event types without a row, and those whose record lacks what their class requires. An actor is allowed
 * only beside a device (profile host); otherwise who it was stays in `unmapped` and in the sentence.
 */
export function mapBaseEvent(reading: Reading, row: CatalogueRow): Mapped {
  const { record } = reading;
  const attributes: ClassAttributes = {};
  const system = reading.object(record, 'system') ?? reading.object(reading.object(record, 'auth_context'), 'system');
  const device = readDevice(reading, system);
  if (device !== undefined) {
    attributes.device = device;
    const actor = readActor(reading);
    if (actor !== undefined) attributes.actor = actor;
  }
  const name = reading.peek(record, 'event_type') ?? 'something without a name';
  return {
    classUid: 0,
    activityId: reading.peek(record, 'event_type') === undefined ? 0 : 99,
    outcome: readOutcome(reading, row.options.outcome),
    attributes,
    deed: { done: `did ${name}`, todo: `do ${name}` },
  };
}
