import type { ClassAttributes } from './class-attributes.js';
import type { OcsfEvent } from './event.js';
import type { JsonObject } from './json.js';

/** The user of the directory behind a name, as of a time. */
export interface DirectoryUser {
  readonly uid: string;
  readonly email: string | undefined;
  readonly employee: string | undefined;
  /** Generation of the inventory that first showed this user so. */
  readonly generation: number;
}

/**
 * Why a name leads to no user: there is no inventory yet, the event is older than the first one, nobody or several bore the
 * name then, or the inventory has no volume to keep names on.
 */
export type Unresolved = 'no_inventory' | 'before_inventory' | 'unknown' | 'ambiguous' | 'no_volume';

/** How the look-up of a name came out. */
export type NameOutcome = 'resolved' | Unresolved;

/** Finds who bore a name at a time (epoch milliseconds). */
export type FindUser = (name: NameForms, time: number) => DirectoryUser | Unresolved;

/**
 * What a name may be of a user: the user name, and where it has an `@` the whole of it, which comes first; the part before it
 * is then the user name of somebody whose e-mail is of the same domain, or, where no dot is in it, of whoever bears it: a realm. In
 * lower case.
 */
export interface NameForms {
  readonly username: string;
  readonly email: string | undefined;
}

/** `ana`, `DOMAIN\ana`, `ana@realm` and `ana@domain` as RADIUS writes names, `uid=ana,ou=Users,o=…` as LDAP does. */
export function nameForms(name: string): NameForms {
  const plain = name.trim().normalize('NFC').toLowerCase();
  const distinguished = /^(?:uid|cn)=((?:\\.|[^,+\\])+)/.exec(plain)?.[1]?.replace(/\\(.)/g, '$1');
  const value = distinguished ?? plain.slice(plain.lastIndexOf('\\') + 1);
  const at = value.lastIndexOf('@');
  return at > 0 ? { username: value.slice(0, at), email: value } : { username: value, email: undefined };
}

/**
 * Adds who in the directory bears a name that an event gives without a uid. What the source said stays as it is: nothing is
 * added but `enrichments`.
 * @returns how each such name came out
 */
export function enrichNames(event: OcsfEvent, find: FindUser): NameOutcome[] {
  const { user, actor } = event as ClassAttributes;
  const outcomes: NameOutcome[] = [];
  const added: JsonObject[] = [];
  for (const [where, one] of [
    ['user', user],
    ['actor.user', actor?.user],
  ] as const) {
    if (typeof one?.name !== 'string' || one.name === '' || one.uid !== undefined) continue;
    const found = find(nameForms(one.name), event.time);
    outcomes.push(typeof found === 'string' ? found : 'resolved');
    if (typeof found === 'string') continue;
    const { uid, email, employee, generation } = found;
    added.push({
      name: `${where}.name`,
      value: one.name,
      type: 'directory',
      provider: 'jumpcloud-ocsf inventory',
      data: {
        uid,
        ...(email === undefined ? {} : { email }),
        ...(employee === undefined ? {} : { employee_id: employee }),
        generation,
        as_of: event.time,
      },
    });
  }
  if (added.length === 0) return outcomes;
  const { unmapped } = event;
  delete event.unmapped;
  const before = Array.isArray(event.enrichments) ? (event.enrichments as JsonObject[]) : [];
  event.enrichments = [...before, ...added];
  // It stands last, which `serialise` relies on.
  if (unmapped !== undefined) event.unmapped = unmapped;
  return outcomes;
}
