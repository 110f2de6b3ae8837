import { isDeepStrictEqual } from 'node:util';
import { isMarkedNumber } from './exact-numbers.js';
import { isObject, type JsonObject, type JsonValue } from './json.js';
import type { PrivilegeChange } from './privileges.js';
import type { RecordReader } from './record-reader.js';
import { isEmailAddress, type OcsfUser } from './user.js';

/** One value that a record's `changes[]` touch: a field, or one member of a field that is an object. */
export interface Change {
  /** As JumpCloud names the field: `account_locked`. */
  readonly name: string;
  /** Field and member in lower case without separators: `accountlocked`, `mfaexclusion`. */
  readonly path: string;
  /** Undefined where the record does not tell it; null where there was none. */
  readonly from: JsonValue | undefined;
  readonly to: JsonValue | undefined;
}

/**
 * The values that differ. Objects are compared member by member, so that a member that stayed decides nothing. The
 * text of `changes[]` stays for `unmapped`, whole.
 */
export function readChanges(reader: RecordReader): Change[] {
  return reader.objects(reader.record, 'changes').flatMap((member) => {
    const name = reader.peek(member, 'field');
    return name === undefined ? [] : differences(name, pathOf(name), member.from, member.to);
  });
}

function differences(name: string, path: string, from: JsonValue | undefined, to: JsonValue | undefined): Change[] {
  const members = [...new Set([from, to].flatMap((value) => (isObject(value) ? Object.keys(value) : [])))];
  if (members.length > 0)
    return members.flatMap((key) => differences(name, path + pathOf(key), member(from, key), member(to, key)));
  // Both values of a password are masked or redacted alike.
  return path !== 'password' && isDeepStrictEqual(from, to) ? [] : [{ name, path, from, to }];
}

/** A member's value: of a value that is known and lacks it, null. */
function member(of: JsonValue | undefined, key: string): JsonValue | undefined {
  if (of === undefined) return undefined;
  return isObject(of) && Object.hasOwn(of, key) ? of[key] : null;
}

function pathOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Effects of changes on an account, the gravest first: the first decides the activity. */
const effectKinds = [
  'disable',
  'lock',
  'mfa_exempt',
  'mfa_off',
  'mfa_disable',
  'mfa_enable',
  'mfa_on',
  'mfa_include',
  'password',
  'enable',
  'unlock',
] as const;

export type EffectKind = (typeof effectKinds)[number];

/** What a flag does when it becomes true, and when it becomes false. */
const flagEffects: Readonly<Record<string, readonly [whenTrue: EffectKind, whenFalse?: EffectKind]>> = {
  suspended: ['disable', 'enable'],
  activated: ['enable'],
  accountlocked: ['lock', 'unlock'],
  mfa: ['mfa_enable', 'mfa_disable'],
  mfaenabled: ['mfa_enable', 'mfa_disable'],
  mfaconfigured: ['mfa_enable', 'mfa_disable'],
  totpenabled: ['mfa_enable', 'mfa_disable'],
  totpenrolled: ['mfa_enable', 'mfa_disable'],
  enablemultifactor: ['mfa_on', 'mfa_off'],
  enableuserportalmultifactor: ['mfa_on', 'mfa_off'],
  mfaexclusion: ['mfa_exempt', 'mfa_include'],
};

const EXEMPTION_END = 'mfaexclusionuntil';

/** What the changes do to the account, the gravest first, each once. */
export function readEffects(changes: readonly Change[]): EffectKind[] {
  const kinds = new Set(changes.map(kindOf));
  return effectKinds.filter((kind) => kinds.has(kind));
}

/** The end of an exemption from MFA, as the record writes it. */
export function readExemptionEnd(changes: readonly Change[]): string | undefined {
  const until = changes.find(({ path }) => path === EXEMPTION_END)?.to;
  return isText(until) ? until : undefined;
}

function kindOf(change: Change): EffectKind | undefined {
  const { path, to } = change;
  if (path === 'state') return kindOfState(to);
  if (path === 'password' || path === 'passworddate') return isGiven(to) ? 'password' : undefined;
  // An exemption that gets another end is given again.
  if (path === EXEMPTION_END) return isGiven(to) ? 'mfa_exempt' : undefined;
  const effects = Object.hasOwn(flagEffects, path) ? flagEffects[path] : undefined;
  const flag = effects === undefined ? undefined : flagAfter(change);
  return flag === undefined ? undefined : effects?.[flag ? 0 : 1];
}

/** A flag's new value. One that was true and is gone is false; one that never was did not become false. */
function flagAfter({ from, to }: Change): boolean | undefined {
  const [before, after] = [flagOf(from), flagOf(to)];
  if (after === undefined) return before === true && (to === undefined || to === null) ? false : undefined;
  return !after && from === null ? undefined : after;
}

function flagOf(value: JsonValue | undefined): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

function kindOfState(to: JsonValue | undefined): EffectKind | undefined {
  const state = typeof to === 'string' ? to.toUpperCase() : undefined;
  if (state === 'SUSPENDED') return 'disable';
  return state === 'ACTIVATED' || state === 'ACTIVE' ? 'enable' : undefined;
}

function isGiven(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}

/** Flags that are privileges, by the name that `privileges` has for them. */
const privilegeFlags: Readonly<Record<string, string>> = {
  sudo: 'sudo',
  sudoenabled: 'sudo',
  passwordlesssudo: 'sudo without password',
  sudowithoutpassword: 'sudo without password',
  apikeyallowed: 'API access',
};

/** Fields that hold an administrator's role, in the order in which they are believed. */
const roleFields = ['rolename', 'role', 'roles'];

/** An administrator's roles, a user's sudo and the like, as far as the changes give or take them. */
export function readPrivileges(changes: readonly Change[]): PrivilegeChange {
  const [granted, revoked] = [new Set<string>(), new Set<string>()];
  const role = roleFields.map((field) => roleChange(changes, field)).find((found) => found !== undefined);
  for (const name of role?.granted ?? []) granted.add(name);
  for (const name of role?.revoked ?? []) revoked.add(name);
  for (const change of changes) {
    const privilege = Object.hasOwn(privilegeFlags, change.path) ? privilegeFlags[change.path]! : undefined;
    const flag = privilege === undefined ? undefined : flagAfter(change);
    if (flag !== undefined) (flag ? granted : revoked).add(privilege!);
  }
  return { granted: [...granted], revoked: [...revoked] };
}

function roleChange(changes: readonly Change[], field: string): PrivilegeChange | undefined {
  const found = changes.find(({ path }) => path === field || path === `${field}name`);
  if (found === undefined) return undefined;
  const [before, after] = [namesOf(found.from), namesOf(found.to)];
  const granted = after.filter((name) => !before.includes(name));
  const revoked = before.filter((name) => !after.includes(name));
  return granted.length + revoked.length === 0 ? undefined : { granted, revoked };
}

/** The fields that changed and have neither an effect nor a privilege, by JumpCloud's names. */
export function readOtherFields(changes: readonly Change[]): string[] {
  const decided = (change: Change) =>
    kindOf(change) !== undefined ||
    change.path === EXEMPTION_END ||
    Object.hasOwn(privilegeFlags, change.path) ||
    roleFields.some((field) => change.path.startsWith(field));
  return [...new Set(changes.filter((change) => !decided(change)).map(({ name }) => name))];
}

/** The texts that OCSF's `user` has an attribute for. */
const textAttributes: Readonly<Record<string, (user: OcsfUser, text: string) => void>> = {
  username: (user, text) => Object.assign(user, { name: text }),
  email: (user, text) => {
    if (isEmailAddress(text)) user.email_addr = text;
  },
  displayname: (user, text) => Object.assign(user, { display_name: text }),
  firstname: (user, text) => person(user, 'given_name', text),
  lastname: (user, text) => person(user, 'surname', text),
  department: (user, text) => person(user, 'department', text),
  costcenter: (user, text) => person(user, 'cost_center', text),
  jobtitle: (user, text) => person(user, 'job_title', text),
  employeeidentifier: (user, text) => person(user, 'employee_uid', text),
  location: (user, text) => person(user, 'office_location', text),
};

/** The account's state after the changes, as far as OCSF has attributes for it. */
const stateAttributes: Partial<Readonly<Record<EffectKind, (user: OcsfUser) => void>>> = {
  disable: (user) => account(user, { is_disabled: true }),
  enable: (user) => account(user, { is_disabled: false, ...user.account }),
  lock: (user) => account(user, { is_locked: true }),
  unlock: (user) => account(user, { is_locked: false, ...user.account }),
  mfa_enable: (user) => Object.assign(user, { has_mfa: user.has_mfa ?? true }),
  mfa_disable: (user) => Object.assign(user, { has_mfa: false }),
  mfa_on: (user) => Object.assign(user, { has_mfa: user.has_mfa ?? true }),
  mfa_off: (user) => Object.assign(user, { has_mfa: false }),
};

/** The account after the changes, named like `user`; undefined where OCSF has no attribute for any of them. */
export function readUserResult(changes: readonly Change[], user: OcsfUser): OcsfUser | undefined {
  const result: OcsfUser = {};
  for (const { path, to } of changes)
    if (isText(to) && Object.hasOwn(textAttributes, path)) textAttributes[path]!(result, to);
  for (const kind of readEffects(changes)) stateAttributes[kind]?.(result);
  if (result.account !== undefined) {
    // OCSF's account must be named; it is the account of the person.
    if (user.uid !== undefined) result.account.uid = user.uid;
    if (user.name !== undefined) result.account.name = user.name;
    if (user.uid === undefined && user.name === undefined) delete result.account;
  }
  if (Object.keys(result).length === 0) return undefined;
  const named: OcsfUser = {};
  if (user.uid !== undefined) named.uid = user.uid;
  if (user.name !== undefined) named.name = user.name;
  if (user.type_id !== undefined) {
    named.type_id = user.type_id;
    if (user.type !== undefined) named.type = user.type;
  }
  return { ...named, ...result };
}

function person(user: OcsfUser, attribute: string, text: string): void {
  user.ldap_person = { ...user.ldap_person, [attribute]: text };
}

function account(user: OcsfUser, state: NonNullable<OcsfUser['account']>): void {
  user.account = { ...user.account, ...state };
}

function namesOf(value: JsonValue | undefined): string[] {
  if (typeof value === 'string') return isText(value) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap(namesOf);
  return isObject(value) ? namesOf((value as JsonObject).name) : [];
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.trim() !== '' && !isMarkedNumber(value);
}
