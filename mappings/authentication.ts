import { type OcsfActor, readActor, readAuthorizations } from './actor.js';
import { readAuthFactors } from './auth-factors.js';
import type { CatalogueRow, RowOptions } from './catalogue/row.js';
import type { ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import { addContext } from './context.js';
import { addPlace, readAddress, readIp, readSystemEndpoint } from './endpoint.js';
import { readStatus } from './event-status.js';
import type { RecordReader } from './record-reader.js';
import { readSession } from './session.js';
import { addName, isPerson, type OcsfUser, readUser, userNamed } from './user.js';

const LOGON = 1;
const PREAUTH = 6;

/** Logins (3002); undefined where the record does not say who logs in, or to what. */
export function mapAuthentication(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const actor = readActor(reader);
  const user = readLoginUser(reader, actor);
  if (user === undefined) return undefined;
  const attributes: ClassAttributes = { user };
  if (actor !== undefined) attributes.actor = addAuthorizations(reader, actor);
  if (row.service === 'systems') addDeviceLogin(reader, attributes);
  else addPortalLogin(reader, attributes, row.options);
  const target = endpointNameOf(attributes) ?? attributes.service?.name ?? attributes.service?.uid;
  if (target === undefined) return undefined;
  addProtocol(reader, attributes, row.options);
  addFactors(reader, attributes, row);
  const session = readSession(reader);
  if (session !== undefined) attributes.session = session;
  const status = readStatus(reader, row.options.status);
  return {
    className: 'authentication',
    activityId: status.pending ? PREAUTH : LOGON,
    status,
    attributes,
    action: status.pending
      ? { done: `began to log on to ${target}`, todo: `begin to log on to ${target}` }
      : { done: `logged on to ${target}`, todo: `log on to ${target}` },
  };
}

/**
 * Who logs in: the initiator, completed by `username`; records of administrators of 2020 have them in `resource` alone.
 */
function readLoginUser(reader: RecordReader, actor: OcsfActor | undefined): OcsfUser | undefined {
  const { record } = reader;
  const resource = reader.object(record, 'resource');
  let user = actor?.user;
  if (user === undefined && isPerson(reader, resource)) user = readUser(reader, resource);
  user = addName(reader, user, record, 'username');
  if (user === undefined) user = readSaasAccount(reader, resource);
  const dn = reader.peek(record, 'dn');
  if (user === undefined && dn !== undefined) user = userOfDn(reader, dn);
  if (user === undefined) return undefined;
  if (dn !== undefined) {
    user.ldap_person = { ldap_dn: dn };
    reader.consume(record, 'dn');
  }
  return user;
}

const FIRST_NAME = /^\s*(?:uid|cn)\s*=\s*((?:\\.|[^\\,+])+)/i;

/** Who a distinguished name stands for: `uid=ana.lima,ou=Users,…` names `ana.lima`. */
function userOfDn(reader: RecordReader, dn: string): OcsfUser | undefined {
  const written = FIRST_NAME.exec(dn)?.[1];
  // RFC 4514: a backslash stands before a special character.
  const name = written?.replace(/\\([^0-9a-fA-F])/g, '$1').trim();
  return name === undefined || name === '' ? undefined : userNamed(reader, name);
}

/** The account that the browser extension saw log in to a third party's service. */
function readSaasAccount(reader: RecordReader, resource: ReturnType<RecordReader['object']>): OcsfUser | undefined {
  return (
    addName(reader, undefined, reader.record, 'login_identifier') ??
    (resource === undefined ? undefined : addName(reader, undefined, resource, 'account_email'))
  );
}

function addAuthorizations(reader: RecordReader, actor: OcsfActor): OcsfActor {
  const authorizations = readAuthorizations(reader);
  if (authorizations.length > 0) actor.authorizations = authorizations;
  return actor;
}

// Loopback, private, link-local and unique local addresses.
const SAME_NETWORK =
  /^(?:127\.|10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|::1$|fe[89ab][0-9a-f]:|f[cd][0-9a-f]{2}:)/i;

/**
 * A login to a device: `src_ip` is where the person was; `client_ip` and its place are the device's own. Whoever logs
 * in without a `src_ip`, and not remotely, is at the device; whoever comes from its own network is in its place.
 */
function addDeviceLogin(reader: RecordReader, attributes: ClassAttributes): void {
  const { record } = reader;
  addLogonType(reader, attributes);
  const source = readAddress(reader, 'src_ip');
  if (source !== undefined) attributes.src_endpoint = source;
  const system = reader.object(record, 'system');
  const resource = reader.object(record, 'resource');
  const isSystem = reader.peek(resource, 'type') === 'system';
  const device = readSystemEndpoint(reader, system) ?? (isSystem ? readSystemEndpoint(reader, resource) : undefined);
  if (device === undefined) return;
  if (isSystem && system !== undefined) takeRepeated(reader, resource, device);
  const ip = readIp(reader, 'client_ip');
  if (ip !== undefined) {
    device.ip = ip;
    addPlace(reader, device);
    if (source === undefined && attributes.is_remote !== true) attributes.src_endpoint = { ip };
    const from = attributes.src_endpoint;
    const isThere = from?.ip !== undefined && (from.ip === ip || SAME_NETWORK.test(from.ip));
    if (isThere && device.location !== undefined) from.location = device.location;
  }
  attributes.dst_endpoint = device;
  // OCSF's `logon_process` needs a process id, which the record does not have: the program is the service at the device.
  const program = reader.text(record, 'process_name');
  if (program !== undefined) attributes.service = { name: program };
}

/** `resource` of a device login repeats `system`. */
function takeRepeated(
  reader: RecordReader,
  resource: ReturnType<RecordReader['object']>,
  device: NonNullable<ClassAttributes['dst_endpoint']>,
): void {
  if (reader.peek(resource, 'id') === device.uid) reader.consume(resource, 'id');
  if (reader.peek(resource, 'hostname') === device.hostname) reader.consume(resource, 'hostname');
  if (reader.peek(resource, 'displayName') === device.name) reader.consume(resource, 'displayName');
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

function addLogonType(reader: RecordReader, attributes: ClassAttributes): void {
  const written = reader.code(reader.object(reader.record, 'windows_meta'), 'logon_type');
  if (written !== undefined) {
    const id = Number(written);
    const caption = id === 0 || id === 1 || id === 99 ? undefined : reader.target.captions.logonType[id];
    attributes.logon_type_id = caption === undefined ? 99 : id;
    attributes.logon_type = caption ?? written;
    const remote = remoteLogonTypes.get(attributes.logon_type_id);
    if (remote !== undefined) attributes.is_remote = remote;
  } else if (reader.peek(reader.record, 'process_name')?.toLowerCase() === 'sshd') {
    attributes.is_remote = true;
  }
}

function addPortalLogin(reader: RecordReader, attributes: ClassAttributes, options: RowOptions): void {
  addContext(reader, attributes);
  const { actor } = attributes;
  // Where the actor has no name, `app_name` stands for the name.
  if (actor?.user?.name !== undefined && actor.app_name === undefined) {
    const browser = readBrowser(reader);
    if (browser !== undefined) actor.app_name = browser;
  }
  const service = readService(reader) ?? (options.service === undefined ? undefined : { name: options.service });
  if (service !== undefined) attributes.service = service;
  if (options.isRemote !== undefined) attributes.is_remote = options.isRemote;
  if (options.logonType !== undefined) {
    attributes.logon_type_id = options.logonType;
    attributes.logon_type = reader.caption('logonType', options.logonType);
  }
}

/** Name and version of the browser, as JumpCloud parsed them from the user agent; `Other` names none. */
function readBrowser(reader: RecordReader): string | undefined {
  const agent = reader.object(reader.record, 'useragent') ?? reader.object(reader.record, 'user_agent');
  const name = reader.peek(agent, 'name');
  if (name === undefined || name === 'Other') return undefined;
  reader.consume(agent, 'name');
  const version = reader.text(agent, 'version');
  return version === undefined ? name : `${name} ${version}`;
}

/** The application that somebody logs in to. */
function readService(reader: RecordReader): OcsfNamed | undefined {
  const { record } = reader;
  const application = reader.object(record, 'application');
  const resource = reader.object(record, 'resource');
  const name =
    reader.text(application, 'display_label') ??
    reader.text(application, 'name') ??
    reader.text(resource, 'application_name');
  const uid = reader.text(application, 'id') ?? reader.text(resource, 'application_id');
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

function addProtocol(reader: RecordReader, attributes: ClassAttributes, options: RowOptions): void {
  const application = reader.object(reader.record, 'application');
  const word = reader.peek(application, 'sso_type');
  const protocol = word === undefined ? options.protocol : (protocols.get(word.toLowerCase()) ?? word);
  if (protocol === undefined) return;
  attributes.auth_protocol_id = typeof protocol === 'number' ? protocol : 99;
  attributes.auth_protocol = typeof protocol === 'number' ? reader.caption('authProtocol', protocol) : protocol;
  if (word?.toLowerCase() === attributes.auth_protocol.toLowerCase()) reader.consume(application, 'sso_type');
  if (protocol === 12) addCleartext(reader, attributes);
}

/** A simple LDAP bind sends the password as it is; only the connection protects it. */
function addCleartext(reader: RecordReader, attributes: ClassAttributes): void {
  const { record } = reader;
  const method = reader.peek(record, 'auth_method')?.toLowerCase() ?? record.auth_method;
  if (method !== 'simple' && method !== '128' && method !== 128) return;
  const protectedBy = reader.flag(record, 'tls_established');
  if (protectedBy !== undefined) attributes.is_cleartext = !protectedBy;
}

function addFactors(reader: RecordReader, attributes: ClassAttributes, row: CatalogueRow): void {
  // JumpCloud writes `mfa: false` into every SSO record of a session that it did not ask for a factor.
  const { factors, isMfa } = readAuthFactors(reader, (methods) => row.service !== 'sso' || methods > 0);
  if (factors.length > 0) attributes.auth_factors = factors;
  if (isMfa !== undefined) attributes.is_mfa = isMfa;
}

function endpointNameOf({ dst_endpoint: endpoint }: ClassAttributes): string | undefined {
  return endpoint?.hostname ?? endpoint?.name ?? endpoint?.uid;
}
