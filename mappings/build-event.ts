import type { ClassName } from '../schemas/ocsf-target.js';
import type { ClassMapping } from './class-attributes.js';
import type { OcsfEvent } from './event.js';
import type { JsonObject } from './json.js';
import { buildMessage } from './message.js';
import { buildMetadata, type Provenance, timezoneOffset } from './metadata.js';
import { buildObservables } from './observables.js';
import { type RawData, rawDataAttributes } from './raw-data.js';
import type { RecordReader } from './record-reader.js';
import { readSeverity } from './severity.js';

const OTHER = 99;

/** Classes whose `actor` is an attribute of the profile host, as `device` is of most. */
const hostActors = new Set<ClassName>(['base_event', 'detection_finding', 'application_lifecycle']);

function usesHost({ className, attributes: { actor, device } }: ClassMapping): boolean {
  const isHostDevice = device !== undefined && className !== 'detection_finding';
  return isHostDevice || (actor !== undefined && hostActors.has(className));
}

/** How many occurrences the record stands for, where it says so: a device reports repeats as one. */
function readCount(reader: RecordReader): number | undefined {
  const { record } = reader;
  const written = record.repeat_count;
  const count = typeof written === 'string' && /^\d+$/.test(written) ? Number(written) : written;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1) return undefined;
  reader.consume(record, 'repeat_count');
  return count;
}

/**
 * Builds the whole event: the attributes of every class around those of the class's mapper. `unmapped` stands last,
 * which `serialise` relies on.
 */
export function buildEvent(
  reader: RecordReader,
  mapped: ClassMapping,
  provenance: Provenance,
  raw: RawData | undefined,
  eventType: string,
): OcsfEvent {
  const { className, activityId, status, attributes } = mapped;
  const { target } = reader;
  const definition = target.classes[className];
  const activity = definition.activities[activityId]!;
  const activityName = activityId === OTHER ? (mapped.activityName ?? eventType) : activity;
  const severity = readSeverity(reader);
  const profiles = usesHost(mapped) ? ['host'] : [];
  // Not begun as a copy of `classification`: V8 then keeps most members outside the object, and mapping took half as much again.
  const event: OcsfEvent = {
    category_uid: definition.categoryUid,
    category_name: definition.categoryName,
    class_uid: definition.uid,
    class_name: definition.caption,
    activity_id: activityId,
    activity_name: activityName,
    type_uid: definition.uid * 100 + activityId,
    // OCSF's caption says `Authentication: Other`; of Base Event alone type_uid is 99 itself, which wants the source's word.
    type_name: `${definition.caption}: ${className === 'base_event' ? activityName : activity}`,
    severity_id: severity.id,
    severity: severity.caption,
    status_id: status.id,
    status: status.caption,
    time: provenance.time,
    message: buildMessage(reader, mapped),
    metadata: buildMetadata(reader, provenance, profiles),
    timezone_offset: timezoneOffset(provenance.header.timestamp!),
    status_detail: status.detail,
    status_code: status.code,
    count: readCount(reader),
  };
  Object.assign(event, attributes);
  const observables = buildObservables(attributes, target.captions);
  if (observables.length > 0) event.observables = observables;
  if (raw !== undefined) Object.assign(event, rawDataAttributes(raw, target.captions));
  const rest: JsonObject | undefined = reader.unconsumed();
  if (rest !== undefined) event.unmapped = rest;
  return event;
}
