import type { ClassName, OcsfTarget } from '../schemas/ocsf-target.js';
import { describeErrors } from '../schemas/validators.js';
import type { NormalisedEvent, OcsfEvent } from './event.js';

/** Who makes the collector's own events. */
interface Maker {
  readonly name: string;
  readonly version: string;
}

/** The part of `metadata` that says that an event is the collector's own. */
export function ownMetadata({ name, version }: Maker, target: OcsfTarget, logName: string) {
  return {
    version: target.version,
    log_name: logName,
    log_source: name,
    log_provider: name,
    product: { name, vendor_name: name, version },
  };
}

/**
 * An event of the collector's own as a sink takes it.
 * @throws Error where it does not fit its class: a defect of its builder
 */
export function ownEvent(
  className: ClassName,
  event: OcsfEvent & { metadata: { event_code: string } },
  partitionKey: string,
  target: OcsfTarget,
): NormalisedEvent {
  const validator = target.validators[className];
  if (!validator(event))
    throw new Error(`the event ${event.metadata.event_code} is not valid: ${describeErrors(validator).join('; ')}`);
  return {
    uid: event.metadata.uid,
    classUid: event.class_uid,
    typeUid: event.type_uid,
    time: event.time,
    eventCode: event.metadata.event_code,
    partitionKey,
    text: JSON.stringify(event),
  };
}
