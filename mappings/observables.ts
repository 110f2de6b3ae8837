import type { Captions } from '../schemas/ocsf-target.js';
import type { ClassAttributes } from './class-attributes.js';
import type { OcsfEndpoint } from './endpoint.js';
import type { OcsfUser } from './user.js';

/** OCSF `observable`: a copy of a value for searching, with the path of where it stands. */
export interface OcsfObservable {
  name: string;
  type_id: number;
  type: string;
  value: string;
}

const HOSTNAME = 1;
const IP = 2;
const USER_NAME = 4;
const EMAIL = 5;
const RESOURCE_UID = 10;
const COUNTRY = 14;
const USER_AGENT = 16;
const USER_UID = 31;
const GROUP_NAME = 32;
const GROUP_UID = 33;
const RESOURCE_NAME = 38;
const DEVICE_UID = 47;
const ENDPOINT_UID = 48;

interface Found {
  readonly observables: OcsfObservable[];
  readonly captions: Captions['observableType'];
}

/** The observables of an event: names, ids and addresses that are in it, each with OCSF's most general type for its place. */
export function buildObservables(attributes: ClassAttributes, { observableType }: Captions): OcsfObservable[] {
  const found: Found = { observables: [], captions: observableType };
  addUser(found, 'user', attributes.user);
  addUser(found, 'actor.user', attributes.actor?.user);
  addUser(found, 'user_result', attributes.user_result);
  addUser(found, 'entity.user', attributes.entity?.user);
  addEndpoint(found, 'src_endpoint', attributes.src_endpoint);
  addEndpoint(found, 'dst_endpoint', attributes.dst_endpoint);
  add(found, 'device.uid', DEVICE_UID, attributes.device?.uid);
  add(found, 'device.hostname', HOSTNAME, attributes.device?.hostname);
  add(found, 'device.ip', IP, attributes.device?.ip);
  add(found, 'device.location.country', COUNTRY, attributes.device?.location?.country);
  attributes.auth_factors?.forEach(({ device }, index) => {
    add(found, `auth_factors[${index}].device.uid`, DEVICE_UID, device?.uid);
    add(found, `auth_factors[${index}].device.ip`, IP, device?.ip);
    add(found, `auth_factors[${index}].device.location.country`, COUNTRY, device?.location?.country);
  });
  add(found, 'group.name', GROUP_NAME, attributes.group?.name);
  add(found, 'group.uid', GROUP_UID, attributes.group?.uid);
  add(found, 'subgroup.name', GROUP_NAME, attributes.subgroup?.name);
  add(found, 'subgroup.uid', GROUP_UID, attributes.subgroup?.uid);
  add(found, 'resource.uid', RESOURCE_UID, attributes.resource?.uid);
  add(found, 'resource.name', RESOURCE_NAME, attributes.resource?.name);
  attributes.resources?.forEach((resource, index) => {
    add(found, `resources[${index}].uid`, RESOURCE_UID, resource.uid);
    add(found, `resources[${index}].name`, RESOURCE_NAME, resource.name);
  });
  attributes.evidences?.forEach((evidence, index) => {
    addUser(found, `evidences[${index}].user`, evidence.user);
    addEndpoint(found, `evidences[${index}].src_endpoint`, evidence.src_endpoint);
  });
  add(found, 'http_request.user_agent', USER_AGENT, attributes.http_request?.user_agent);
  return found.observables;
}

function addUser(found: Found, path: string, user: OcsfUser | undefined): void {
  if (user === undefined) return;
  add(found, `${path}.name`, USER_NAME, user.name);
  add(found, `${path}.uid`, USER_UID, user.uid);
  add(found, `${path}.email_addr`, EMAIL, user.email_addr);
}

function addEndpoint(found: Found, path: string, endpoint: OcsfEndpoint | undefined): void {
  if (endpoint === undefined) return;
  add(found, `${path}.ip`, IP, endpoint.ip);
  add(found, `${path}.uid`, ENDPOINT_UID, endpoint.uid);
  add(found, `${path}.hostname`, HOSTNAME, endpoint.hostname);
  add(found, `${path}.location.country`, COUNTRY, endpoint.location?.country);
}

function add(found: Found, name: string, typeId: number, value: string | undefined): void {
  if (value !== undefined) found.observables.push({ name, type_id: typeId, type: found.captions[typeId]!, value });
}
