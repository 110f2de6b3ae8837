import { captions } from '../schemas/ocsf.js';
import { type OcsfActor, readActor, readAuthorizations } from './actor.js';
import { readAuthFactors } from './auth-factors.js';
import type { CatalogueRow, RowOptions } from './catalogue/row.js';
import type { ClassAttributes, Mapped, OcsfNamed } from './class-attributes.js';
import { addSurroundings } from './context.js';
import { addPlace, readAddress, readSystemEndpoint } from './endpoint.js';
import { readOutcome } from './outcome.js';
import type { Reading } from './record-reader.js';
import { readSession } from './session.js';
import { addName, isPerson, type OcsfUser, readUser } from './user.js';

const LOGON = 1;
const PREAUTH = 6;

/** Logins (3002); undefined where the record does not say who logs in, or to what. */
export function mapAuthentication(reading: Reading, row: CatalogueRow): Mapped | undefined {
  const actor = readActor(reading);
  const user = readLoginUser(reading, actor);
  if (user === undefined) return undefined;
  const attributes: ClassAttributes = { user };
  if (actor !== undefined) attributes.actor = addAuthorizations(reading, actor);
  if (row.service === 'systems') addDeviceLogin(reading, attributes);
  else addPortalLogin(reading, attributes, row.options);
  const target = attributes.service?.name ?? attributes.service?.uid ?? callEndpoint(attributes);
  if (target === undefined) return undefined;
  addProtocol(reading, attributes, row.options);
  addFactors(reading, attributes, row);
  const session = readSession(reading);
  if (session !== undefined) attributes.session = session;
  const outcome = readOutcome(reading, row.options.outcome);
  return {
    classUid: 3002,
    activityId: outcome.pending ? PREAUTH : LOGON,
    outcome,
    attributes,
    deed: outcome.pending
      ? { done: `began to log on to ${target}`, todo: `begin to log on to ${target}` }
      : { done: `logged on to ${target}`, todo: `log on to ${target}` },
  };
}

/**
 * Who logs in: the initiator, completed by `username`; records of administrators of 2020 have them in `resource` alone.
 */
function readLoginUser(reading: Reading, actor: OcsfActor | undefined): OcsfUser | undefined {
  const { record } = reading;
  const resource = reading.object(record, 'resource');
  let user = actor?.user;
  if (user === undefined && isPerson(reading, resource)) user = readUser(reading, resource);
  user = addName(reading, user, record, 'username');
  if (user === undefined) user = readSaasAccount(reading, resource);
  if (user === undefined) return undefined;
  const dn = reading.text(record, 'dn');
  if (dn !== undefined) user.ldap_person = { ldap_dn: dn };
  return user;
}

/** Who the browser extension saw logging in to somebody else's service. */
function readSaasAccount(reading: Reading, resource: ReturnType<Reading['object']>): OcsfUser | undefined {
  return (
    addName(reading, undefined, reading.record, 'login_identifier') ??
    (resource === undefined ? undefined : addName(reading, undefined, resource, 'account_email'))
  );
}

function addAuthorizations(reading: Reading, actor: OcsfActor): OcsfActor {
  const authorizations = readAuthorizations(reading);
  if (authorizations.length > 0) actor.authorizations = authorizations;
  return actor;
}

/** A login to a device: `src_ip` is where the person was; `client_ip` and its place are the device's own. */
function addDeviceLogin(reading: Reading, attributes: ClassAttributes): void {
  const { record } = reading;
  const source = readAddress(reading, 'src_ip');
  if (source !== undefined) attributes.src_endpoint = source;
  const system = reading.object(record, 'system');
  const resource = reading.object(record, 'resource');
  const isSystem = reading.peek(resource, 'type') === 'system';
  const device = readSystemEndpoint(reading, system) ?? (isSystem ? readSystemEndpoint(reading, resource) : undefined);
  if (device !== undefined) {
    if (isSystem && system !== undefined) takeRepeated(reading, resource, device);
    const { ip } = readAddress(reading, 'client_ip') ?? {};
    if (ip !== undefined) {
      device.ip = ip;
      addPlace(reading, device);
    }
    attributes.dst_endpoint = device;
  }
  addLogonType(reading, attributes);
}

/** `resource` of a device login repeats `system`. */
function takeRepeated(
  reading: Reading,
  resource: ReturnType<Reading['object']>,
  device: NonNullable<ClassAttributes['dst_endpoint']>,
): void {
  if (reading.peek(resource, 'id') === device.uid) reading.take(resource, 'id');
  if (reading.peek(resource, 'hostname') === device.hostname) reading.take(resource, 'hostname');
  if (reading.peek(resource, 'displayName') === device.name) reading.take(resource, 'displayName');
}

/** Windows' logon types are OCSF's; those that come over a network by their nature say so, as SSH does. */
const remoteLogonTypes = new Map([
  [2, false],
  [3, true],
  [7, false],
  [8, true],
  [10, true],
  [12, true],
]);

function addLogonType(reading: Reading, attributes: ClassAttributes): void {
  const written = reading.code(reading.object(reading.record, 'windows_meta'), 'logon_type');
  if (written !== undefined) {
    const id = Number(written);
    const caption = id === 0 || id === 1 || id === 99 ? undefined : captions.logonType[id];
    attributes.logon_type_id = caption === undefined ? 99 : id;
    attributes.logon_type = caption ?? written;
    const remote = remoteLogonTypes.get(attributes.logon_type_id);
    if (remote !== undefined) attributes.is_remote = remote;
  } else if (reading.peek(reading.record, 'process_name') === 'sshd') {
    attributes.is_remote = true;
  }
}

function addPortalLogin(reading: Reading, attributes: ClassAttributes, options: RowOptions): void {
  addSurroundings(reading, attributes);
  const service = readService(reading) ?? (options.service === undefined ? undefined : { name: options.service });
  if (service !== undefined) attributes.service = service;
  if (options.isRemote !== undefined) attributes.is_remote = options.isRemote;
  if (options.logonType !== undefined) {
    attributes.logon_type_id = options.logonType;
    attributes.logon_type = captions.logonType[options.logonType]!;
  }
}

/** The application that somebody logs in to. */
function readService(reading: Reading): OcsfNamed | undefined {
  const { record } = reading;
  const application = reading.object(record, 'application');
  const resource = reading.object(record, 'resource');
  const name =
    reading.text(application, 'display_label') ??
    reading.text(application, 'name') ??
    reading.text(resource, 'application_name');
  const uid = reading.text(application, 'id') ?? reading.text(resource, 'application_id');
  if (name === undefined && uid === undefined) return undefined;
  const service: OcsfNamed = {};
  if (name !== undefined) service.name = name;
  if (uid !== undefined) service.uid = uid;
  return service;
}

const protocols = new Map([
  ['saml', 5],
  ['saml2', 5],
  ['oidc', 4],
  ['openid', 4],
  ['oauth', 6],
  ['oauth2', 6],
]);

function addProtocol(reading: Reading, attributes: ClassAttributes, options: RowOptions): void {
  const application = reading.object(reading.record, 'application');
  const word = reading.peek(application, 'sso_type');
  const protocol = word === undefined ? options.protocol : (protocols.get(word.toLowerCase()) ?? word);
  if (protocol === undefined) return;
  attributes.auth_protocol_id = typeof protocol === 'number' ? protocol : 99;
  attributes.auth_protocol = typeof protocol === 'number' ? captions.authProtocol[protocol]! : protocol;
  if (word?.toLowerCase() === attributes.auth_protocol.toLowerCase()) reading.take(application, 'sso_type');
  if (protocol === 12) addCleartext(reading, attributes);
}

/** A simple LDAP bind sends the password as it is; only the connection protects it. */
function addCleartext(reading: Reading, attributes: ClassAttributes): void {
  const { record } = reading;
  const method = reading.peek(record, 'auth_method')?.toLowerCase() ?? record.auth_method;
  if (method !== 'simple' && method !== '128' && method !== 128) return;
  const protectedBy = reading.flag(record, 'tls_established');
  if (protectedBy !== undefined) attributes.is_cleartext = !protectedBy;
}

function addFactors(reading: Reading, attributes: ClassAttributes, row: CatalogueRow): void {
  // JumpCloud writes `mfa: false` into every SSO record of a session that it did not ask for a factor.
  const { factors, isMfa } = readAuthFactors(reading, (methods) => row.service !== 'sso' || methods > 0);
  if (factors.length > 0) attributes.auth_factors = factors;
  if (isMfa !== undefined) attributes.is_mfa = isMfa;
}

function callEndpoint({ dst_endpoint: endpoint }: ClassAttributes): string | undefined {
  return endpoint?.hostname ?? endpoint?.name ?? endpoint?.uid;
}
