import type { ClassAttributes } from './class-attributes.js';
import { readDevice } from './device.js';
import { readClient } from './endpoint.js';
import { readHttpRequest } from './http-request.js';
import type { Reading } from './record-reader.js';

/** Adds where something was done from, and on which device. */
export function addSurroundings(reading: Reading, attributes: ClassAttributes): void {
  const source = readClient(reading);
  if (source !== undefined) attributes.src_endpoint = source;
  const request = readHttpRequest(reading);
  if (request !== undefined) attributes.http_request = request;
  const { record } = reading;
  const system = reading.object(record, 'system') ?? reading.object(reading.object(record, 'auth_context'), 'system');
  const device = readDevice(reading, system);
  if (device !== undefined) attributes.device = device;
}
