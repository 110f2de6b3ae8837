import { isHostname } from './endpoint.js';
import type { JsonObject } from './json.js';
import { type OcsfOs, readDeviceOs } from './os.js';
import type { RecordReader } from './record-reader.js';

/** OCSF `device`, an attribute of the profile `host`. */
export interface OcsfDevice {
  uid?: string;
  hostname?: string;
  name?: string;
  os?: OcsfOs;
  type_id: number;
  type: string;
}

/** The device of `auth_context.system` or `system`: the one the person used, or the one it is about. */
export function readDevice(reader: RecordReader, system: JsonObject | undefined): OcsfDevice | undefined {
  if (system === undefined) return undefined;
  const hostname = reader.peek(system, 'hostname');
  const usable = hostname !== undefined && isHostname(hostname);
  const uid = reader.text(system, 'id');
  const name = reader.text(system, 'displayName');
  if (uid === undefined && !usable && name === undefined) return undefined;
  const device: OcsfDevice = { type_id: 0, type: reader.caption('deviceType', 0) };
  if (uid !== undefined) device.uid = uid;
  if (usable) {
    device.hostname = hostname;
    reader.consume(system, 'hostname');
  }
  if (name !== undefined) device.name = name;
  const os = readDeviceOs(reader, system);
  if (os !== undefined) device.os = os;
  return device;
}
