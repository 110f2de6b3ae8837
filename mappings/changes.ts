import { isObject, type JsonObject, type JsonValue } from './json.js';
import type { RecordReader } from './record-reader.js';
import type { OcsfUser } from './user.js';
import { isEmailAddress } from './user.js';

/** One member of `changes[]`. `from` is absent on creation. */
export interface Change {
  /** As JumpCloud names it, in lower case without separators: `accountlocked`, `mfaconfigured`. */
  readonly field: string;
  readonly from: JsonValue | undefined;
  readonly to: JsonValue | undefined;
}

/** The changes of a record that name a field. Their text stays for `unmapped`, whole. */
export function readChanges(reader: RecordReader): Change[] {
  const changes: Change[] = [];
  for (const member of reader.objects(reader.record, 'changes')) {
    const field = reader.peek(member, 'field');
    if (field !== undefined)
      changes.push({ field: field.toLowerCase().replace(/[^a-z0-9]/g, ''), from: member.from, to: member.to });
  }
  return changes;
}

const ENABLE = 2;
const PASSWORD_CHANGE = 3;
const DISABLE = 5;
const LOCK = 9;
const MFA_ENABLE = 10;
const MFA_DISABLE = 11;
const UNLOCK = 12;

/** What a field's new value decides of an account; undefined: nothing. */
const decisions: Readonly<Record<string, (to: JsonValue | undefined) => number | undefined>> = {
  suspended: (to) => choose(to, DISABLE, ENABLE),
  activated: (to) => choose(to, ENABLE, undefined),
  state: byState,
  accountlocked: (to) => choose(to, LOCK, UNLOCK),
  mfa: byMfa,
  mfaenabled: (to) => choose(to, MFA_ENABLE, MFA_DISABLE),
  mfaconfigured: (to) => choose(to, MFA_ENABLE, MFA_DISABLE),
  totpenabled: (to) => choose(to, MFA_ENABLE, MFA_DISABLE),
  totpenrolled: (to) => choose(to, MFA_ENABLE, MFA_DISABLE),
  enablemultifactor: (to) => choose(to, MFA_ENABLE, MFA_DISABLE),
  password: byPassword,
  passworddate: byPassword,
};

/**
 * The one activity of Account Change that the changes decide (3 stands for a password, whoever set it); undefined where
 * none or several do.
 */
export function decideActivity(changes: readonly Change[]): number | undefined {
  const decided = new Set<number>();
  for (const { field, from, to } of changes) {
    // Both values of a password are masked or redacted alike.
    const activity = field !== 'password' && same(from, to) ? undefined : decisions[field]?.(to);
    if (activity !== undefined) decided.add(activity);
  }
  return decided.size === 1 ? [...decided][0] : undefined;
}

/** The new role of an administrator, or the old one where it was taken away. */
export interface RoleChange {
  readonly grants: boolean;
  readonly role: string;
}

/** The change of role, where that is all that the changes decide. */
export function readRoleChange(changes: readonly Change[]): RoleChange | undefined {
  const roles = changes.filter(({ field }) => field === 'rolename' || field === 'role' || field === 'roles');
  const change = roles.find(({ field }) => field === 'rolename') ?? roles[0];
  if (change === undefined || changes.some(({ field }) => decisions[field] !== undefined)) return undefined;
  const to = nameOf(change.to);
  if (to !== undefined) return { grants: true, role: to };
  const from = nameOf(change.from);
  return from === undefined ? undefined : { grants: false, role: from };
}

/** The texts of `changes[].to` that OCSF's `user` has an attribute for, in OCSF's names. */
const texts: Readonly<Record<string, (user: OcsfUser, text: string) => void>> = {
  username: (user, text) => set(user, 'name', text),
  email: (user, text) => {
    if (isEmailAddress(text)) user.email_addr = text;
  },
  displayname: (user, text) => set(user, 'display_name', text),
  firstname: (user, text) => person(user, 'given_name', text),
  lastname: (user, text) => person(user, 'surname', text),
  department: (user, text) => person(user, 'department', text),
  costcenter: (user, text) => person(user, 'cost_center', text),
  jobtitle: (user, text) => person(user, 'job_title', text),
  employeeidentifier: (user, text) => person(user, 'employee_uid', text),
  location: (user, text) => person(user, 'office_location', text),
};

/** The same for booleans. */
const flags: Readonly<Record<string, (user: OcsfUser, flag: boolean) => void>> = {
  suspended: (user, flag) => accountOf(user, 'is_disabled', flag),
  accountlocked: (user, flag) => accountOf(user, 'is_locked', flag),
  mfa: (user, flag) => has(user, flag),
  mfaenabled: (user, flag) => has(user, flag),
  mfaconfigured: (user, flag) => has(user, flag),
  totpenabled: (user, flag) => has(user, flag),
  totpenrolled: (user, flag) => has(user, flag),
  enablemultifactor: (user, flag) => has(user, flag),
};

/** The account after the changes, as far as OCSF has attributes for them; undefined where it has none. */
export function readUserResult(changes: readonly Change[], user: OcsfUser): OcsfUser | undefined {
  const result: OcsfUser = {};
  for (const { field, to } of changes) {
    if (typeof to === 'string' && to.trim() !== '') texts[field]?.(result, to);
    else if (typeof to === 'boolean') flags[field]?.(result, to);
  }
  if (Object.keys(result).length === 0) return undefined;
  const named: OcsfUser = {};
  if (user.uid !== undefined) named.uid = user.uid;
  if (user.name !== undefined) named.name = user.name;
  if (user.type_id !== undefined) {
    named.type_id = user.type_id;
    if (user.type !== undefined) named.type = user.type;
  }
  if (result.account !== undefined) {
    // OCSF's account must be named; it is the account of the person.
    if (user.uid !== undefined) result.account.uid = user.uid;
    if (user.name !== undefined) result.account.name = user.name;
    if (user.uid === undefined && user.name === undefined) delete result.account;
  }
  return { ...named, ...result };
}

function set(user: OcsfUser, attribute: 'name' | 'display_name', text: string): void {
  user[attribute] = text;
}

function person(user: OcsfUser, attribute: string, text: string): void {
  user.ldap_person = { ...user.ldap_person, [attribute]: text };
}

function accountOf(user: OcsfUser, attribute: 'is_locked' | 'is_disabled', flag: boolean): void {
  user.account = { ...user.account, [attribute]: flag };
}

function has(user: OcsfUser, flag: boolean): void {
  user.has_mfa = flag;
}

function choose(to: JsonValue | undefined, whenTrue: number, whenFalse: number | undefined): number | undefined {
  if (to === true || to === 'true') return whenTrue;
  return to === false || to === 'false' ? whenFalse : undefined;
}

function byState(to: JsonValue | undefined): number | undefined {
  const state = typeof to === 'string' ? to.toUpperCase() : undefined;
  if (state === 'SUSPENDED') return DISABLE;
  return state === 'ACTIVATED' || state === 'ACTIVE' ? ENABLE : undefined;
}

function byPassword(to: JsonValue | undefined): number | undefined {
  return to === undefined || to === null || to === false || to === '' ? undefined : PASSWORD_CHANGE;
}

/** `mfa` is a boolean, or an object that says whether a factor is configured. */
function byMfa(to: JsonValue | undefined): number | undefined {
  return choose(isObject(to) ? to.configured : to, MFA_ENABLE, MFA_DISABLE);
}

function nameOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value;
  if (Array.isArray(value)) return value.length === 1 ? nameOf(value[0]) : undefined;
  return isObject(value) ? nameOf((value as JsonObject).name) : undefined;
}

/** Whether a change says the same before and after: then it decides nothing. */
function same(from: JsonValue | undefined, to: JsonValue | undefined): boolean {
  return from !== undefined && typeof from !== 'object' && from === to;
}
