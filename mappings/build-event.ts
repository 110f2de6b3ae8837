import { type OcsfClass, ocsfClasses } from '../schemas/ocsf.js';
import type { Mapped } from './class-attributes.js';
import type { OcsfEvent } from './event.js';
import type { JsonObject } from './json.js';
import { buildMessage } from './message.js';
import { buildMetadata, type Provenance, timezoneOffset } from './metadata.js';
import { buildObservables } from './observables.js';
import { type RawData, rawDataAttributes } from './raw-data.js';
import type { Reading } from './record-reader.js';
import { readSeverity } from './severity.js';

const OTHER = 99;

/**
 * The whole event: what every class carries around what the class's mapper made. `unmapped` stands last, which
 * `serialise` relies on.
 */
export function assemble(
  reading: Reading,
  mapped: Mapped,
  provenance: Provenance,
  raw: RawData | undefined,
  eventType: string,
): OcsfEvent {
  const { classUid, activityId, outcome, attributes } = mapped;
  const definition: OcsfClass = ocsfClasses[classUid];
  const activity = definition.activities[activityId]!;
  const activityName = activityId === OTHER ? eventType : activity;
  const severity = readSeverity(reading);
  const profiles =
    attributes.device === undefined || (classUid === 2004 && attributes.actor === undefined) ? [] : ['host'];
  const event: OcsfEvent = {
    category_uid: definition.categoryUid,
    category_name: definition.categoryName,
    class_uid: classUid,
    class_name: definition.caption,
    activity_id: activityId,
    activity_name: activityName,
    type_uid: classUid * 100 + activityId,
    // OCSF's caption says `Authentication: Other`; of Base Event alone type_uid is 99 itself, which wants the source's word.
    type_name: `${definition.caption}: ${classUid === 0 ? activityName : activity}`,
    severity_id: severity.id,
    severity: severity.caption,
    status_id: outcome.id,
    status: outcome.caption,
    time: provenance.time,
    message: buildMessage(reading, mapped),
    metadata: buildMetadata(reading, provenance, profiles),
    timezone_offset: timezoneOffset(provenance.header.timestamp!),
    status_detail: outcome.detail,
    status_code: outcome.code,
  };
  Object.assign(event, attributes);
  const observables = buildObservables(attributes);
  if (observables.length > 0) event.observables = observables;
  if (raw !== undefined) Object.assign(event, rawDataAttributes(raw));
  const rest: JsonObject | undefined = reading.rest();
  if (rest !== undefined) event.unmapped = rest;
  return event;
}
