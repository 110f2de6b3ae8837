import { type OcsfLocation, readClientLocation, readHostname, readIp, readLocation } from './endpoint.js';
import type { JsonObject } from './json.js';
import { type OcsfOs, osNamed, readDeviceOs } from './os.js';
import type { RecordReader } from './record-reader.js';

/** OCSF `device`, an attribute of the profile `host`. */
export interface OcsfDevice {
  uid?: string;
  hostname?: string;
  ip?: string;
  location?: OcsfLocation;
  name?: string;
  os?: OcsfOs;
  model?: string;
  vendor_name?: string;
  type_id: number;
  type: string;
}

/** The device of `auth_context.system` or `system`: the one the person used, or the one it is about. */
export function readDevice(reader: RecordReader, system: JsonObject | undefined): OcsfDevice | undefined {
  if (system === undefined) return undefined;
  const hostname = readHostname(reader, system);
  const uid = reader.text(system, 'id');
  const name = reader.text(system, 'displayName');
  if (uid === undefined && hostname === undefined && name === undefined) return undefined;
  const device = unknownDevice(reader);
  if (uid !== undefined) device.uid = uid;
  if (hostname !== undefined) device.hostname = hostname;
  if (name !== undefined) device.name = name;
  const os = readDeviceOs(reader, system);
  if (os !== undefined) device.os = os;
  return device;
}

/**
 * For classes without `src_endpoint`: the device that the request came from, by its address and place. A `system` that
 * the event is about has another address, unless it is the device itself that reports.
 */
export function readClientDevice(reader: RecordReader): OcsfDevice | undefined {
  const { record } = reader;
  const subject = reader.object(record, 'system');
  const device = readDevice(reader, subject ?? reader.object(reader.object(record, 'auth_context'), 'system'));
  if (device !== undefined && subject !== undefined && record.service !== 'systems') return device;
  const ip = readIp(reader, 'client_ip');
  if (ip === undefined) return device;
  const client = device ?? unknownDevice(reader);
  client.ip = ip;
  const location = readClientLocation(reader);
  if (location !== undefined) client.location = location;
  return client;
}

/** The phone that approved a login: `jumpcloud_protect_device`. */
export function readPhoneDevice(reader: RecordReader, phone: JsonObject): OcsfDevice | undefined {
  const ip = readIp(reader, 'ip', phone);
  const uid = reader.text(phone, 'id');
  if (uid === undefined && ip === undefined) return undefined;
  const device = unknownDevice(reader);
  if (uid !== undefined) device.uid = uid;
  if (ip !== undefined) device.ip = ip;
  const location = readLocation(reader, reader.object(phone, 'geoip'));
  if (location !== undefined) device.location = location;
  const model = reader.text(phone, 'model');
  if (model !== undefined) device.model = model;
  const vendor = reader.text(phone, 'make');
  if (vendor !== undefined) device.vendor_name = vendor;
  const name = reader.text(phone, 'os');
  if (name !== undefined) device.os = osNamed(reader, name, reader.text(phone, 'os_version'));
  return device;
}

function unknownDevice(reader: RecordReader): OcsfDevice {
  return { type_id: 0, type: reader.caption('deviceType', 0) };
}
