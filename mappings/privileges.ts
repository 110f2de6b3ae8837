import type { ClassAttributes, ClassMapping, OcsfNamed } from './class-attributes.js';
import type { EventStatus } from './event-status.js';
import type { JsonObject } from './json.js';
import { groupNameOf } from './named.js';
import { type ActionPhrase, enumerate, joinPhrases, phrase, type Verb } from './phrase.js';
import type { RecordReader } from './record-reader.js';
import { displayNameOf } from './user.js';

const ASSIGN = 1;
const REVOKE = 2;

/** JumpCloud has no word for what an association itself gives: may use it, may log in to it. */
export const ACCESS = 'access';

/** Sudo on a device, and whether it asks for a password. */
export interface Sudo {
  readonly enabled: boolean;
  readonly withoutPassword: boolean;
}

/** Sudo as records write it: `{enabled, withoutPassword}` in the attributes of an association or of a request. */
export function readSudo(reader: RecordReader, attributes: JsonObject | undefined): Sudo | undefined {
  const sudo = reader.object(attributes, 'sudo');
  const enabled = reader.peekFlag(sudo, 'enabled');
  if (enabled === undefined) return undefined;
  return { enabled, withoutPassword: enabled && reader.peekFlag(sudo, 'withoutPassword') === true };
}

/** The names that `privileges` has for sudo. */
export function sudoPrivileges(sudo?: Sudo): string[] {
  return sudo?.withoutPassword === true ? ['sudo', 'sudo without password'] : ['sudo'];
}

/** Privileges that are given and taken. */
export interface PrivilegeChange {
  readonly granted: readonly string[];
  readonly revoked: readonly string[];
}

/** The event of privileges given to `attributes.group`, or taken away: it assigns where it does both. */
export function groupPrivilege(
  attributes: ClassAttributes,
  status: EventStatus,
  { granted, revoked }: PrivilegeChange,
): ClassMapping {
  const on = onThing(attributes.resource);
  return {
    className: 'group_management',
    activityId: granted.length > 0 ? ASSIGN : REVOKE,
    status,
    attributes: { ...attributes, privileges: [...(granted.length > 0 ? granted : revoked)] },
    action: joinPhrases(privilegePhrases({ granted, revoked }, groupNameOf(attributes.group!), on)),
  };
}

/**
 * The event of privileges given to `attributes.user`, or taken away: it assigns where it does both.
 * @param more what else the same record does
 */
export function accessChange(
  attributes: ClassAttributes,
  status: EventStatus,
  { granted, revoked }: PrivilegeChange,
  more: readonly ActionPhrase[] = [],
): ClassMapping {
  const name = displayNameOf(attributes.user) ?? 'an unnamed user';
  const phrases = privilegePhrases({ granted, revoked }, name, onThing(attributes.resources?.[0]));
  return {
    className: 'user_access',
    activityId: granted.length > 0 ? ASSIGN : REVOKE,
    status,
    attributes: { ...attributes, privileges: [...(granted.length > 0 ? granted : revoked)] },
    action: joinPhrases([...phrases, ...more]),
  };
}

const give: Verb = ['gave', 'give', 'given'];
const take: Verb = ['took', 'take', 'taken'];

/** What was given to somebody, then what was taken. */
function privilegePhrases({ granted, revoked }: PrivilegeChange, name: string, on: string): ActionPhrase[] {
  const phrases: ActionPhrase[] = [];
  if (granted.length > 0) phrases.push(phrase(give, enumerate(granted), enumerate(granted), ` to ${name}${on}`));
  if (revoked.length > 0) phrases.push(phrase(take, enumerate(revoked), enumerate(revoked), ` from ${name}${on}`));
  return phrases;
}

/** ` on …`, or nothing. */
export function onThing(thing: OcsfNamed | undefined): string {
  const name = thing?.name ?? thing?.uid;
  return name === undefined ? '' : ` on ${name}`;
}
