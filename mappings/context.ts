import type { ClassAttributes } from './class-attributes.js';
import { readDevice } from './device.js';
import { readClient } from './endpoint.js';
import { readHttpRequest } from './http-request.js';
import type { RecordReader } from './record-reader.js';

/** Adds the context of an action: source address, user agent and device. */
export function addContext(reader: RecordReader, attributes: ClassAttributes): void {
  const source = readClient(reader);
  if (source !== undefined) attributes.src_endpoint = source;
  const request = readHttpRequest(reader);
  if (request !== undefined) attributes.http_request = request;
  const { record } = reader;
  const system = reader.object(record, 'system') ?? reader.object(reader.object(record, 'auth_context'), 'system');
  const device = readDevice(reader, system);
  if (device !== undefined) attributes.device = device;
}
