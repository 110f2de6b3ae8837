import type { ClassAttributes } from './class-attributes.js';
import type { OcsfLocation } from './endpoint.js';
import type { OcsfEvent } from './event.js';

/**
 * The event as JSON. OCSF tells 38 from 38.0, which JavaScript does not: whole coordinates are written with `.0`.
 * A name in quotes followed by a colon is a member's name, never text inside a value; and all members called `lat` or
 * `long` before `unmapped`, which stands last, are coordinates.
 */
export function serialise(event: OcsfEvent): string {
  const text = JSON.stringify(event);
  if (!hasWholeFloat(event as ClassAttributes)) return text;
  const end = event.unmapped === undefined ? text.length : text.length - JSON.stringify(event.unmapped).length;
  return text.slice(0, end).replace(WHOLE_COORDINATE, '$1.0') + text.slice(end);
}

const WHOLE_COORDINATE = /("(?:lat|long)":-?\d+)(?=[,}])/g;

function hasWholeFloat(attributes: ClassAttributes): boolean {
  const { src_endpoint: source, dst_endpoint: destination, device, evidences, auth_factors: factors } = attributes;
  return (
    isWhole(source?.location) ||
    isWhole(destination?.location) ||
    isWhole(device?.location) ||
    isWhole(evidences?.[0]?.src_endpoint?.location) ||
    factors?.some((factor) => isWhole(factor.device?.location)) === true
  );
}

function isWhole(location: OcsfLocation | undefined): boolean {
  return location !== undefined && (Number.isInteger(location.lat) || Number.isInteger(location.long));
}
