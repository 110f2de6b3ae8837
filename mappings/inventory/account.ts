import { isObject, type JsonObject, type JsonValue } from '../json.js';
import type { EmployeeMatch } from './employee-match.js';
import type { Described, InventoryObject, SnapshotContext } from './object.js';

/** OCSF's `email_t` takes nothing else. */
const EMAIL = /^[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~.]+@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*$/;

/** A user of the directory: 5003 User Inventory Info. */
export function describeUser(
  { id, fields }: InventoryObject,
  context: SnapshotContext,
  employee: EmployeeMatch | undefined,
): Described {
  const username = text(fields.username);
  const name = username ?? text(fields.email) ?? id;
  const email = emailOf(fields.email);
  const state = text(fields.state);
  const suspended = state === 'SUSPENDED' || fields.suspended === true;
  const mfa = isObject(fields.mfa) ? fields.mfa : undefined;
  const hasMfa = boolean(mfa?.configured) ?? boolean(fields.totp_enabled);
  const employeeUid = text(fields.employeeIdentifier);
  const user: JsonObject = {
    uid: id,
    name,
    type_id: 1,
    type: 'User',
    ...given('email_addr', email),
    ...given('full_name', fullName(fields)),
    ...given('display_name', text(fields.displayname)),
    ...given('has_mfa', hasMfa),
    ...given('uid_alt', employeeUid),
    org: { ...organizationOf(context), ...given('ou_name', text(fields.department)) },
    account: {
      uid: id,
      name,
      type_id: 99,
      type: 'JumpCloud user',
      // Staged is not enabled yet, which is not disabled.
      ...(suspended || state !== 'STAGED' ? { is_disabled: suspended } : {}),
      ...given('is_locked', boolean(fields.account_locked)),
      is_on_premises_sync_enabled: isSynchronized(fields),
      ...(state === undefined ? {} : { labels: [`state:${state}`] }),
    },
  };
  const person = personOf(fields, email, employeeUid);
  if (person !== undefined) user.ldap_person = person;
  const { admin } = fields;
  const attributes: JsonObject = { user, observables: observablesOf(id, username, email) };
  const enrichment = employeeEnrichment(email, employee, context.observedAt);
  if (enrichment !== undefined) attributes.enrichments = [enrichment];
  const words = [suspended ? 'suspended' : state === 'STAGED' ? 'staged' : 'active'];
  if (hasMfa !== undefined) words.push(hasMfa ? 'with MFA' : 'without MFA');
  if (isObject(admin)) words.push('linked to an administrator');
  return {
    className: 'user_inventory',
    message: `User ${name} is in the directory: ${words.join(', ')}`,
    attributes,
    unmapped: unmapped([
      ['state', state],
      ['admin', isObject(admin) ? admin : undefined],
      ['mfa', mfa],
      ['password_expired', boolean(fields.password_expired)],
      ['password_expiration_date', text(fields.password_expiration_date)],
      ['password_never_expires', boolean(fields.password_never_expires)],
      ['sudo', boolean(fields.sudo)],
      ['employeeType', text(fields.employeeType)],
    ]),
  };
}

/** An administrator: 5003 as well, with the role as its group. Administrators have no profile attributes by design. */
export function describeAdministrator(
  { id, fields }: InventoryObject,
  context: SnapshotContext,
  employee: EmployeeMatch | undefined,
): Described {
  const name = text(fields.email) ?? id;
  const email = emailOf(fields.email);
  const role = text(fields.roleName);
  const hasMfa = boolean(fields.totpEnrolled) ?? boolean(fields.enableMultiFactor);
  const roles = rolesOf(fields);
  const user: JsonObject = {
    uid: id,
    name,
    type_id: 2,
    type: 'Admin',
    ...given('email_addr', email),
    ...given('full_name', fullName(fields)),
    ...given('has_mfa', hasMfa),
    org: organizationOf(context),
    account: {
      uid: id,
      name,
      type_id: 99,
      type: 'JumpCloud administrator',
      ...given('is_disabled', boolean(fields.suspended)),
      ...(fields.apiKeySet === true ? { labels: ['api_key'] } : {}),
    },
    ...(roles.length > 0 ? { groups: roles } : {}),
  };
  const attributes: JsonObject = { user, observables: observablesOf(id, undefined, email) };
  const enrichment = employeeEnrichment(email, employee, context.observedAt);
  if (enrichment !== undefined) attributes.enrichments = [enrichment];
  return {
    className: 'user_inventory',
    message: `Administrator ${name} is in the directory${role === undefined ? '' : `: role ${role}`}`,
    attributes,
    unmapped: unmapped([
      ['roleName', role],
      ['apiKeyAllowed', boolean(fields.apiKeyAllowed)],
      ['apiKeySet', boolean(fields.apiKeySet)],
      ['totpEnrolled', boolean(fields.totpEnrolled)],
    ]),
  };
}

/** Ids of an administrator's roles: the list, or the one role that older answers have. */
export function roleIdsOf(fields: JsonObject): string[] {
  const list = Array.isArray(fields.roles) ? fields.roles : [fields.role];
  return list.filter((role): role is string => typeof role === 'string' && role !== '');
}

function rolesOf(fields: JsonObject): JsonObject[] {
  const names = Array.isArray(fields.roleNames) ? fields.roleNames : [fields.roleName];
  return roleIdsOf(fields).map((uid, at) => ({
    uid,
    ...given('name', text(names[at])),
    type: 'Administrator Role',
  }));
}

function employeeEnrichment(
  email: string | undefined,
  employee: EmployeeMatch | undefined,
  at: number,
): JsonObject | undefined {
  if (employee === undefined || email === undefined || employee.match === 'own_email') return undefined;
  return {
    name: 'user.email_addr',
    value: email,
    type: 'employee',
    short_desc: employee.match === 'ambiguous' ? 'several employees fit' : `employee match: ${employee.match}`,
    provider: 'jumpcloud-ocsf employees',
    created_time: at,
    data: {
      match: employee.match,
      ...given('employee_id', employee.employee),
      ...given('matched_on', employee.matchedOn),
    },
  };
}

function personOf(
  fields: JsonObject,
  email: string | undefined,
  employeeUid: string | undefined,
): JsonObject | undefined {
  const manager = isObject(fields.manager) ? text(fields.manager.id) : text(fields.manager);
  const created = Date.parse(text(fields.created) ?? '');
  const person: JsonObject = {
    ...given('given_name', text(fields.firstname)),
    ...given('surname', text(fields.lastname)),
    ...given('department', text(fields.department)),
    ...given('job_title', text(fields.jobTitle)),
    ...given('cost_center', text(fields.costCenter)),
    ...given('office_location', text(fields.location)),
    ...given('employee_uid', employeeUid),
    ...(email === undefined ? {} : { email_addrs: [email] }),
    ...(created > Date.UTC(2000, 0, 1) ? { created_time: created } : {}),
    ...(manager === undefined ? {} : { manager: { uid: manager } }),
  };
  return Object.keys(person).length > 0 ? person : undefined;
}

function isSynchronized({ delegatedAuthority, restrictedFields }: JsonObject): boolean {
  if (isObject(delegatedAuthority) && delegatedAuthority.name === 'ActiveDirectory') return true;
  return (
    Array.isArray(restrictedFields) &&
    restrictedFields.some((field) => isObject(field) && field.type === 'active_directory')
  );
}

function observablesOf(id: string, username: string | undefined, email: string | undefined): JsonObject[] {
  return [
    ...(username === undefined ? [] : [{ name: 'user.name', type_id: 4, type: 'User Name', value: username }]),
    { name: 'user.uid', type_id: 31, type: 'User Object: uid', value: id },
    ...(email === undefined ? [] : [{ name: 'user.email_addr', type_id: 5, type: 'Email Address', value: email }]),
  ];
}

function organizationOf({ organization: { id, name } }: SnapshotContext): JsonObject {
  return { uid: id, ...given('name', name) };
}

function fullName(fields: JsonObject): string | undefined {
  const name = [text(fields.firstname), text(fields.lastname)].filter((part) => part !== undefined).join(' ');
  return name === '' ? undefined : name;
}

function emailOf(value: JsonValue | undefined): string | undefined {
  const email = text(value);
  return email !== undefined && EMAIL.test(email) ? email : undefined;
}

function unmapped(entries: readonly (readonly [string, JsonValue | undefined])[]): JsonObject {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as JsonObject;
}

function given<T extends JsonValue>(name: string, value: T | undefined): JsonObject {
  return value === undefined ? {} : { [name]: value };
}

function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.toWellFormed() : undefined;
}

function boolean(value: JsonValue | undefined): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}
