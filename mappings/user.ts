import type { JsonObject } from './json.js';
import type { RecordReader } from './record-reader.js';

/** OCSF `user`, as far as JumpCloud's records describe one. */
export interface OcsfUser {
  uid?: string;
  /** The login name; an administrator's is the e-mail address. */
  name?: string;
  email_addr?: string;
  full_name?: string;
  display_name?: string;
  has_mfa?: boolean;
  account?: { name?: string; uid?: string; is_locked?: boolean; is_disabled?: boolean };
  ldap_person?: Record<string, string>;
  type_id?: number;
  type?: string;
}

const USER = 1;
const ADMIN = 2;

/** JumpCloud's words for kinds of people (its documentation says `systemuser` where records say `user`). */
const typeIds = new Map<string, number>([
  ['user', USER],
  ['systemuser', USER],
  ['system_user', USER],
  ['admin', ADMIN],
  ['administrator', ADMIN],
  ['system', 3],
  ['service', 4],
  ['service_account', 4],
  ['serviceaccount', 4],
]);

const people = new Set([USER, ADMIN, 4]);

// The expression of OCSF's email_t.
const EMAIL = /^[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$/;

export function isEmailAddress(text: string): boolean {
  return EMAIL.test(text);
}

/** Whether the object stands for a person: by its type, or, where it has none, by what it is named with. */
export function isPerson(reader: RecordReader, of: JsonObject | undefined): of is JsonObject {
  if (of === undefined) return false;
  const type = reader.peek(of, 'type');
  if (type !== undefined) return people.has(typeIds.get(type.toLowerCase()) ?? 0);
  return reader.peek(of, 'username') !== undefined || reader.peek(of, 'email') !== undefined;
}

/**
 * Reads a person from `initiated_by`, `resource` and their like; undefined where the object names nobody.
 * A `name` without a blank is taken for the login name where no other is given; with one it is the full name.
 */
export function readUser(reader: RecordReader, of: JsonObject | undefined): OcsfUser | undefined {
  if (of === undefined) return undefined;
  const uid = reader.text(of, 'id') ?? reader.text(of, 'user_id');
  const username = reader.peek(of, 'username');
  const email = reader.peek(of, 'email');
  const plain = reader.peek(of, 'name');
  if (uid === undefined && username === undefined && email === undefined && plain === undefined) return undefined;
  const user: OcsfUser = {};
  if (uid !== undefined) user.uid = uid;
  readType(reader, of, user);
  const login = plain !== undefined && !plain.includes(' ') ? plain : undefined;
  const name =
    (user.type_id === ADMIN ? (email ?? username ?? login) : (username ?? login ?? email)) ??
    (uid === undefined ? plain : undefined);
  if (name !== undefined) user.name = name;
  if (name === username) reader.consume(of, 'username');
  if (email !== undefined && EMAIL.test(email)) user.email_addr = email;
  if (email !== undefined && (email === name || user.email_addr !== undefined)) reader.consume(of, 'email');
  if (plain !== undefined) {
    if (plain !== name) user.full_name = plain;
    reader.consume(of, 'name');
  }
  const display = reader.text(of, 'displayName') ?? reader.text(of, 'displayname');
  if (display !== undefined) user.display_name = display;
  return user;
}

function readType(reader: RecordReader, of: JsonObject, user: OcsfUser): void {
  const word = reader.peek(of, 'type');
  user.type_id = word === undefined ? 0 : (typeIds.get(word.toLowerCase()) ?? 99);
  user.type = user.type_id === 99 ? word! : reader.caption('userType', user.type_id);
  // The record's own word stays for `unmapped` where the caption says less (`systemuser`).
  if (word?.toLowerCase() === user.type.toLowerCase()) reader.consume(of, 'type');
}

/** A person of whom only the login name is known. */
export function userNamed(reader: RecordReader, name: string): OcsfUser {
  return { name, type_id: 0, type: reader.caption('userType', 0) };
}

/** Completes a person with a login name from another member; a contradicting name stays for `unmapped`. */
export function addName(
  reader: RecordReader,
  user: OcsfUser | undefined,
  of: JsonObject,
  key: string,
): OcsfUser | undefined {
  const name = reader.peek(of, key);
  if (name === undefined || (user?.name !== undefined && user.name !== name)) return user;
  reader.consume(of, key);
  if (user === undefined) return userNamed(reader, name);
  user.name = name;
  return user;
}

/** The newer top-level fields that repeat who initiated an event complete the initiator; undefined where nothing names one. */
export function addInitiator(reader: RecordReader, named: OcsfUser | undefined): OcsfUser | undefined {
  const uid = reader.peek(reader.record, 'jc_initiated_by_id');
  const email = reader.peek(reader.record, 'jc_initiated_by_email');
  if (uid === undefined && email === undefined) return named;
  const user = named ?? { type_id: 0, type: reader.caption('userType', 0) };
  if (uid !== undefined && (user.uid === undefined || user.uid === uid)) {
    user.uid = uid;
    reader.consume(reader.record, 'jc_initiated_by_id');
  }
  if (email !== undefined && EMAIL.test(email) && (user.email_addr === undefined || user.email_addr === email)) {
    user.email_addr = email;
    reader.consume(reader.record, 'jc_initiated_by_email');
    if (user.name === undefined && named === undefined) user.name = email;
  }
  return user.uid === undefined && user.name === undefined ? undefined : user;
}

/** Whether two descriptions are of the same person; false where nothing proves it. */
export function samePerson(one: OcsfUser, other: OcsfUser): boolean {
  if (one.uid !== undefined && other.uid !== undefined) return one.uid === other.uid;
  return one.name !== undefined && one.name === other.name;
}

/** The name by which a message refers to a person. */
export function displayNameOf(user: OcsfUser | undefined): string | undefined {
  return user?.name ?? user?.email_addr ?? user?.full_name ?? user?.display_name ?? user?.uid;
}
