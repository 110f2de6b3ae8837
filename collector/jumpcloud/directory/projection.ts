import { isObject, type JsonObject, type JsonValue } from '../../../mappings/json.js';

/**
 * What is kept of an object: the fields named, and within those that are objects the members named (`sudo.enabled`, or
 * `restrictedFields.type` for each object of a list). Nothing else is stored or passed on, whatever JumpCloud sends: SSH
 * keys, certificates, recovery addresses and telephone numbers are not among them.
 */
export type Projection = readonly string[];

export const userFields: Projection = [
  ...'username email alternateEmail displayname firstname lastname state suspended activated account_locked'.split(' '),
  ...'account_locked_date password_expired password_expiration_date password_never_expires externally_managed'.split(
    ' ',
  ),
  ...'totp_enabled employeeIdentifier employeeType jobTitle department costCenter company location created'.split(' '),
  ...'creationSource sudo mfa.configured mfa.exclusion mfa.exclusionUntil mfaEnrollment.overallStatus'.split(' '),
  ...'admin.id admin.roleName manager.id manager delegatedAuthority.name restrictedFields.type'.split(' '),
  'restrictedFields.field',
];

export const administratorFields: Projection = [
  ...'email firstname lastname roleName role roles roleNames suspended enableMultiFactor totpEnrolled'.split(' '),
  ...'apiKeyAllowed apiKeySet created organization'.split(' '),
];

export const roleFields: Projection = ['name', 'description', 'isCustom', 'scopes'];

export const groupFields: Projection = [
  ...'name type description email membershipMethod attributes.sudo.enabled attributes.sudo.withoutPassword'.split(' '),
];

export const applicationFields: Projection = [
  ...'name displayName displayLabel created active beta sso.type sso.jit ssoUrl'.split(' '),
];

export const organizationFields: Projection = ['displayName', 'created'];

/** The fields to ask for: the first parts of a projection's names, each once. */
export function requestedFields(projection: Projection): string[] {
  return [...new Set(projection.map((name) => name.split('.')[0] as string))];
}

/** The object without what is not named. Scalars and lists of scalars stand for a whole name; an unnamed member is left out. */
export function project(row: JsonObject, projection: Projection): JsonObject {
  const kept: JsonObject = {};
  for (const [field, paths] of grouped(projection)) {
    const value = row[field];
    if (value === undefined || value === null) continue;
    const projected = projectValue(value, paths);
    if (projected !== undefined) kept[field] = projected;
  }
  return kept;
}

function projectValue(value: JsonValue, members: readonly string[]): JsonValue | undefined {
  const named = members.filter((member) => member !== '');
  if (isObject(value)) {
    if (named.length === 0) return undefined;
    const object = project(value, named);
    return Object.keys(object).length > 0 ? object : undefined;
  }
  if (Array.isArray(value)) {
    const list = value.map((item) => projectValue(item, members)).filter((item) => item !== undefined);
    return list.length > 0 ? list : undefined;
  }
  return named.length === 0 || members.includes('') ? value : undefined;
}

const groups = new WeakMap<Projection, ReadonlyMap<string, readonly string[]>>();

/** Members by field; '' stands for the field itself. */
function grouped(projection: Projection): ReadonlyMap<string, readonly string[]> {
  const known = groups.get(projection);
  if (known) return known;
  const found = new Map<string, string[]>();
  for (const name of projection) {
    const [field = '', ...rest] = name.split('.');
    found.set(field, [...(found.get(field) ?? []), rest.join('.')]);
  }
  groups.set(projection, found);
  return found;
}
