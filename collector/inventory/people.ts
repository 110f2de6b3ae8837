import { roleIdsOf } from '../../mappings/inventory/account.js';
import type { EmployeeMatch } from '../../mappings/inventory/employee-match.js';
import type { JsonObject } from '../../mappings/json.js';
import { isObject } from '../../mappings/json.js';
import { breathe } from '../clock.js';
import type { Employees } from './employees.js';
import { normalEmail } from './employees.js';
import { decodeEntry, edgeKey, encodeEntry, idKey, listKey } from './entry.js';
import { readSorted, type SortedRecord, Sorter } from './sorted-file.js';

/** How an administrator and a user come together: by JumpCloud's own link, by an e-mail that one of each has, or not. */
export type Link = 'certain' | 'probable' | 'ambiguous' | 'none';

const empty = Buffer.alloc(0);
const USER = 0;
const ADMINISTRATOR = 1;

/** Kind and id of a person's key. */
export function personOf(key: Buffer): { kind: 'user' | 'administrator'; id: string } {
  return { kind: key[0] === USER ? 'user' : 'administrator', id: key.toString('hex', 1) };
}

export function personKey(kind: 'user' | 'administrator', id: string): Buffer {
  return Buffer.concat([Buffer.from([kind === 'user' ? USER : ADMINISTRATOR]), idKey(id)]);
}

/**
 * Writes who each account is: users and administrators stay two accounts, joined by `link`, each matched with an employee.
 * @param users files of what is known of users and administrators
 */
export async function writePeople(
  users: string | undefined,
  administrators: string | undefined,
  employees: Employees,
  path: string,
): Promise<void> {
  const sorter = new Sorter(path);
  const pause = breathe();
  const administratorsByEmail = await countEmails(administrators);
  const usersByEmail = await countEmails(users, administratorsByEmail);
  const linked = new Map<string, string>();
  const add = (kind: 'user' | 'administrator', id: string, person: JsonObject) => {
    const json = Buffer.from(JSON.stringify(person));
    const key = personKey(kind, id);
    sorter.add({ key, value: encodeEntry({ absent: 0, known: true, firstSeen: 0, json }) });
  };
  for (const { id, fields } of objectsIn(users)) {
    await pause();
    const own = isObject(fields.admin) && typeof fields.admin.id === 'string' ? fields.admin.id : undefined;
    if (own !== undefined) linked.set(own, id);
    const link = linkOf(own, fields.email, usersByEmail, administratorsByEmail);
    add('user', id, personFields(fields, fields.username, employees.match(fields), link, 'administrator'));
  }
  for (const { id, fields } of objectsIn(administrators)) {
    const link = linkOf(linked.get(id), fields.email, administratorsByEmail, usersByEmail);
    add('administrator', id, personFields(fields, fields.email, employees.match(fields), link, 'user'));
  }
  await sorter.finish();
}

/** Writes which administrator holds which role, by what the administrators themselves say. */
export async function writeRoleHolders(administrators: string | undefined, path: string): Promise<void> {
  const sorter = new Sorter(path);
  const value = encodeEntry({ absent: 0, known: true, firstSeen: 0, json: empty });
  for (const { id, fields } of objectsIn(administrators)) {
    for (const role of roleIdsOf(fields))
      if (/^[0-9a-f]{24}$/.test(role)) sorter.add({ key: edgeKey(listKey(role, 'administrator'), id), value });
  }
  await sorter.finish();
}

/** Writes that the account has each user and each group. */
export async function writeAccountEdges(
  organization: string,
  users: string | undefined,
  groups: string | undefined,
  path: string,
): Promise<void> {
  const sorter = new Sorter(path);
  const value = encodeEntry({ absent: 0, known: true, firstSeen: 0, json: empty });
  const pause = breathe();
  for (const [type, path] of [
    ['user', users],
    ['user_group', groups],
  ] as const)
    for (const { key } of readSorted(path)) {
      await pause();
      sorter.add({ key: edgeKey(listKey(organization, type), key.toString('hex')), value });
    }
  await sorter.finish();
}

interface Linked {
  readonly link: Link;
  readonly id: string | undefined;
}

/** By e-mail (normal form): how many have it, and who the last of them is. */
type Emails = Map<string, { count: number; id: string }>;

/** @param among count only e-mails that are in it: the others link to nobody */
async function countEmails(path: string | undefined, among?: Emails): Promise<Emails> {
  const emails: Emails = new Map();
  const pause = breathe();
  for (const { id, fields } of objectsIn(path)) {
    await pause();
    const email = normalEmail(fields.email);
    if (email === undefined || among?.has(email) === false) continue;
    emails.set(email, { count: (emails.get(email)?.count ?? 0) + 1, id });
  }
  return emails;
}

function linkOf(certain: string | undefined, email: unknown, own: Emails, other: Emails): Linked {
  if (certain !== undefined) return { link: 'certain', id: certain };
  const normal = normalEmail(email);
  const found = normal === undefined ? undefined : other.get(normal);
  if (normal === undefined || found === undefined) return { link: 'none', id: undefined };
  if (found.count > 1 || (own.get(normal)?.count ?? 0) > 1) return { link: 'ambiguous', id: undefined };
  return { link: 'probable', id: found.id };
}

function personFields(
  fields: JsonObject,
  name: unknown,
  employee: EmployeeMatch,
  linked: Linked,
  other: 'user' | 'administrator',
): JsonObject {
  return {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof fields.email === 'string' ? { email: fields.email } : {}),
    match: employee.match,
    ...(employee.employee === undefined ? {} : { employee: employee.employee }),
    ...(employee.matchedOn === undefined ? {} : { matched_on: employee.matchedOn }),
    link: linked.link,
    ...(linked.id === undefined ? {} : { [other]: linked.id }),
  };
}

/** The objects of a sorted file. */
function* objectsIn(path: string | undefined): Generator<{ id: string; fields: JsonObject }, void, void> {
  for (const record of readSorted(path)) yield { id: record.key.toString('hex'), fields: fieldsOf(record) };
}

/** An object's fields. */
function fieldsOf(record: SortedRecord): JsonObject {
  return JSON.parse(decodeEntry(record).json.toString()) as JsonObject;
}
