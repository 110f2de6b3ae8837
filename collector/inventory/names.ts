import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DirectoryUser, FindUser } from '../../mappings/directory-names.js';
import type { JsonObject } from '../../mappings/json.js';
import { breathe } from '../clock.js';
import { isMissing, replaceFile } from '../files/durable-file.js';
import { type Employees, normalEmail } from './employees.js';
import { decodeEntry } from './entry.js';
import { readSorted } from './sorted-file.js';

/** Whose name it was, from (inclusive) and until (exclusive) which reading. Epoch milliseconds; `to` null: it still is. */
type Bearer = readonly [
  id: string,
  username: string | null,
  email: string | null,
  employee: string | null,
  from: number,
  to: number | null,
  /** That which showed it first. */
  generation: number,
];

interface Head {
  readonly version: 1;
  /** When the first one was read: what was before is unknown. */
  readonly since: number;
}

interface Names {
  readonly head: Head;
  readonly bearers: readonly Bearer[];
}

/** Names that no user has had for so long are dropped: no event that old is mapped. */
const KEPT_MS = 400 * 86_400_000;

/** Said where events are to be enriched and nothing lasts that names could be kept on. */
export const namesNeedVolume = {
  message: 'events are not enriched: inventory.directory is no absolute path, and without a volume names do not last',
  cure: 'Set inventory.directory to the absolute path of a folder on a volume, or inventory.enrich to false.',
};

/** Said where the names cannot be read or kept; events and inventory are delivered all the same. */
export const namesUnreadableCure =
  'Events are enriched with what was read before, or not at all. Make the file readable to this user; a damaged one is written again by the next reading of the users.';

function namesPath(directory: string): string {
  return join(directory, 'names.ndjson');
}

/** Takes the users that are known now into the history of names. What the file already holds of a user stays. */
export async function keepNames(
  directory: string,
  { known, employees }: { readonly known: string | undefined; readonly employees: Employees },
  { generation, observedAt }: { readonly generation: number; readonly observedAt: number },
): Promise<void> {
  const path = namesPath(directory);
  const before = readNames(path);
  const open = new Map<string, Bearer>();
  const bearers: Bearer[] = [];
  for (const bearer of before?.bearers ?? []) {
    if (bearer[5] === null) open.set(bearer[0], bearer);
    else if (bearer[5] > observedAt - KEPT_MS) bearers.push(bearer);
  }
  const pause = breathe();
  for (const record of readSorted(known)) {
    await pause();
    const id = record.key.toString('hex');
    const user = JSON.parse(decodeEntry(record).json.toString()) as JsonObject;
    const now: Bearer = [
      id,
      normalEmail(user.username) ?? null,
      normalEmail(user.email) ?? null,
      employees.match(user).employee ?? null,
      observedAt,
      null,
      generation,
    ];
    const was = open.get(id);
    open.delete(id);
    const isSame = was !== undefined && [1, 2, 3].every((at) => was[at] === now[at]);
    if (was !== undefined && !isSame) bearers.push(ended(was, observedAt));
    bearers.push(isSame ? was : now);
  }
  for (const was of open.values()) bearers.push(ended(was, observedAt));
  const head: Head = { version: 1, since: before?.head.since ?? observedAt };
  await replaceFile(path, `${[head, ...bearers].map((line) => JSON.stringify(line)).join('\n')}\n`);
}

function ended(bearer: Bearer, at: number): Bearer {
  const [id, username, email, employee, from, , generation] = bearer;
  return [id, username, email, employee, from, Math.max(from, at), generation];
}

/** Undefined where there is no file, or it is damaged: a generation then begins them again. @throws where it cannot be read */
function readNames(path: string): Names | undefined {
  try {
    const [head, ...bearers] = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    return (head as Partial<Head> | null)?.version === 1 && bearers.every(Array.isArray)
      ? { head: head as Head, bearers: bearers as unknown[] as Bearer[] }
      : undefined;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Finds users by the names that an inventory keeps in this directory; reads them again when they change. Never throws: an event
 * is delivered without them rather than not at all.
 * @param onUnreadable called once per failure with its reason; what was read before stays in use
 */
export function findUsers(directory: string, onUnreadable: (reason: string) => void): FindUser {
  const path = namesPath(directory);
  let read: { readonly head: Head; readonly names: Map<string, Bearer[]> } | undefined;
  let looked: string | undefined;
  let isUnreadable = false;
  const refuse = (reason: string) => {
    if (!isUnreadable) onUnreadable(reason);
    isUnreadable = true;
  };
  const look = () => {
    try {
      const file = statSync(path, { throwIfNoEntry: false });
      // A file that is replaced is another one, however soon.
      const at = file && `${file.ino} ${file.mtimeMs}`;
      if (at === undefined || at === looked) return;
      const found = readNames(path);
      looked = at;
      if (found === undefined) return refuse(`${path} is damaged`);
      read = { head: found.head, names: indexed(found.bearers) };
      isUnreadable = false;
    } catch (error) {
      refuse(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
    }
  };
  return ({ username, email }, time) => {
    look();
    if (read === undefined) return 'no_inventory';
    const { head, names } = read;
    if (time < head.since) return 'before_inventory';
    const borne = (name: string) =>
      (names.get(name) ?? []).filter((bearer) => bearer[4] <= time && (bearer[5] === null || time < bearer[5]));
    let bearers = borne(email ?? username);
    if (bearers.length === 0 && email !== undefined) {
      const domain = email.slice(username.length);
      // `ana` of another domain is another person. Without a dot it is no domain of e-mail but a realm, as `CORP\ana` has one.
      const isRealm = !domain.includes('.');
      bearers = borne(username).filter((bearer) => isRealm || bearer[2]?.endsWith(domain));
    }
    const [bearer] = bearers;
    if (bearer === undefined) return 'unknown';
    return bearers.some(([id]) => id !== bearer[0]) ? 'ambiguous' : userOf(bearer);
  };
}

function indexed(bearers: readonly Bearer[]): Map<string, Bearer[]> {
  const names = new Map<string, Bearer[]>();
  for (const bearer of bearers)
    for (const name of new Set([bearer[1], bearer[2]])) {
      if (name === null) continue;
      const same = names.get(name);
      if (same === undefined) names.set(name, [bearer]);
      else same.push(bearer);
    }
  return names;
}

function userOf([uid, , email, employee, , , generation]: Bearer): DirectoryUser {
  return { uid, email: email ?? undefined, employee: employee ?? undefined, generation };
}
