import { readActor } from './actor.js';
import { factorNamed } from './auth-factors.js';
import type { CatalogueRow } from './catalogue/row.js';
import {
  type Change,
  type EffectKind,
  readChanges,
  readEffects,
  readExemptionEnd,
  readOtherFields,
  readPrivileges,
  readUserResult,
} from './changes.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { addContext } from './context.js';
import { phraseOfType, verbs } from './event-phrases.js';
import { readStatus } from './event-status.js';
import { type ActionPhrase, joinPhrases, phrase, type Verb } from './phrase.js';
import { accessChange } from './privileges.js';
import type { RecordReader } from './record-reader.js';
import { addName, displayNameOf, isPerson, type OcsfUser, readUser, samePerson } from './user.js';

const PASSWORD_CHANGE = 3;
const PASSWORD_RESET = 4;
const OTHER = 99;

/**
 * Changes of accounts (3001): `user` is whose account changes, `actor` who changed it. Changes that give or take a
 * privilege (an administrator's role, sudo) are User Access Management (3005). Undefined where the record does not say
 * whose account it is.
 */
export function mapAccountChange(reader: RecordReader, row: CatalogueRow): ClassMapping | undefined {
  const bySystem = isSystemInitiated(reader, row);
  const actor = bySystem ? undefined : readActor(reader);
  const user = readTarget(reader, row) ?? (row.options.ownAccount === true ? actor?.user : undefined);
  if (user === undefined) return undefined;
  const changes = readChanges(reader);
  const attributes: ClassAttributes = { user };
  if (actor !== undefined) attributes.actor = actor;
  addContext(reader, attributes);
  const status = readStatus(reader, row.options.status);
  const actorName = bySystem ? { actorName: 'JumpCloud' } : {};
  const result = readUserResult(changes, user);
  const phrases = row.activity === 'by_changes' ? phrasesOfChanges(changes, user, actor?.user) : [];
  const privileges = readPrivileges(changes);
  if (row.activity === 'by_changes' && privileges.granted.length + privileges.revoked.length > 0) {
    // 3005 has no user_result: the state of the account stands in `user`.
    if (result?.account !== undefined) user.account = result.account;
    if (result?.has_mfa !== undefined) user.has_mfa = result.has_mfa;
    return { ...accessChange(attributes, status, privileges, phrases), ...actorName };
  }
  if (row.options.factor !== undefined) attributes.auth_factors = [factorNamed(reader, row.options.factor)];
  if (result !== undefined) attributes.user_result = result;
  const activityId = activityOf(row, changes, user, actor?.user);
  const action = phrases.length > 0 ? joinPhrases(phrases) : phraseOf(row, activityId, user);
  // Nobody locks or disables the own account: JumpCloud names the owner of an account that locked itself.
  const impersonal = actor?.user !== undefined && samePerson(user, actor.user) && undergone.has(activityId);
  return {
    className: 'account_change',
    activityId,
    status,
    attributes,
    action: impersonal ? { ...action, impersonal } : action,
    ...actorName,
  };
}

/**
 * Where JumpCloud itself acts, `initiated_by` repeats the id of the account with a blank e-mail: that names no actor.
 * People do act on their own accounts in events of the other kind (`ownAccount`).
 */
function isSystemInitiated(reader: RecordReader, row: CatalogueRow): boolean {
  const { initiator } = reader;
  if (row.options.ownAccount === true || initiator?.email !== '') return false;
  const uid = reader.peek(initiator, 'id');
  const owner = reader.peek(reader.object(reader.record, 'resource'), 'id');
  return reader.peek(initiator, 'username') === undefined && (uid === undefined || uid === owner);
}

/** Whose account it is: `resource`, else the `username` that device events carry. */
function readTarget(reader: RecordReader, row: CatalogueRow): OcsfUser | undefined {
  const { record } = reader;
  const resource = reader.object(record, 'resource');
  const user = isPerson(reader, resource) ? readUser(reader, resource) : undefined;
  return row.service === 'systems' || user === undefined ? addName(reader, user, record, 'username') : user;
}

function activityOf(
  row: CatalogueRow,
  changes: readonly Change[],
  user: OcsfUser,
  actor: OcsfUser | undefined,
): number {
  if (row.activity === 'by_password_owner') return byPasswordOwner(row, user, actor);
  if (row.activity !== 'by_changes') return typeof row.activity === 'number' ? row.activity : OTHER;
  const [gravest] = readEffects(changes);
  if (gravest === undefined) return OTHER;
  return gravest === 'password' ? byPasswordOwner(row, user, actor) : effectActivities[gravest];
}

const effectActivities: Readonly<Record<Exclude<EffectKind, 'password'>, number>> = {
  disable: 5,
  lock: 9,
  mfa_exempt: 11,
  mfa_off: 11,
  mfa_disable: 11,
  mfa_enable: 10,
  mfa_on: 10,
  mfa_include: 10,
  enable: 2,
  unlock: 12,
};

/** As Windows tells them apart: one's own password is changed, another's is reset. */
function byPasswordOwner(row: CatalogueRow, user: OcsfUser, actor: OcsfUser | undefined): number {
  if (actor !== undefined) return samePerson(user, actor) ? PASSWORD_CHANGE : PASSWORD_RESET;
  return row.eventType.endsWith('_password_change') ? PASSWORD_CHANGE : OTHER;
}

const { enable, disable } = verbs;

const undergone = new Set([2, 5, 9, 12]);

const accountVerbs: Readonly<Record<number, Verb>> = {
  1: ['created', 'create'],
  2: enable,
  5: disable,
  6: ['deleted', 'delete'],
  9: ['locked', 'lock'],
  12: ['unlocked', 'unlock'],
};

const passwordVerbs: Readonly<Record<number, Verb>> = {
  3: ['changed', 'change'],
  4: ['reset', 'reset'],
  99: ['set', 'set'],
};

function ofAccount(verb: Verb, name: string, tail = ''): ActionPhrase {
  return phrase(verb, `the account of ${name}`, `the account ${name}`, tail);
}

function phraseOf(row: CatalogueRow, activityId: number, user: OcsfUser): ActionPhrase {
  const name = displayNameOf(user) ?? 'an unnamed user';
  if (row.options.status === 'requested') return phrase(['asked for', 'ask for'], `a password reset of ${name}`);
  const known = phraseOfType(row.eventType, name);
  if (known !== undefined) return known;
  const verb = accountVerbs[activityId];
  if (verb !== undefined) return ofAccount(verb, name);
  if (activityId === PASSWORD_CHANGE || activityId === PASSWORD_RESET || row.activity === 'by_password_owner')
    return phrase(passwordVerbs[activityId]!, `the password of ${name}`);
  if (activityId === 10) return phrase(enable, `an MFA factor of ${name}`);
  if (activityId === 11) return phrase(disable, `an MFA factor of ${name}`);
  return ofAccount(verbs.change, name);
}

/** What the changes did, the gravest first; without any effect, which fields they changed. */
function phrasesOfChanges(changes: readonly Change[], user: OcsfUser, actor: OcsfUser | undefined): ActionPhrase[] {
  const name = displayNameOf(user) ?? 'an unnamed user';
  const own = actor !== undefined && samePerson(user, actor);
  const until = readExemptionEnd(changes);
  const exempt: Verb = ['exempted', 'exempt'];
  const ofEffect: Readonly<Record<EffectKind, () => ActionPhrase>> = {
    disable: () => ofAccount(disable, name),
    lock: () => ofAccount(accountVerbs[9]!, name),
    mfa_exempt: () => phrase(exempt, name, name, ` from MFA${until === undefined ? '' : ` until ${until}`}`),
    mfa_off: () => phrase(['switched off', 'switch off'], `MFA for ${name}`),
    mfa_disable: () => phrase(disable, `an MFA factor of ${name}`),
    mfa_enable: () => phrase(enable, `an MFA factor of ${name}`),
    mfa_on: () => phrase(['switched on', 'switch on'], `MFA for ${name}`),
    mfa_include: () => phrase(['ended', 'end'], `the exemption of ${name} from MFA`),
    password: () => phrase(passwordVerbs[actor === undefined ? OTHER : own ? 3 : 4]!, `the password of ${name}`),
    enable: () => ofAccount(enable, name),
    unlock: () => ofAccount(accountVerbs[12]!, name),
  };
  const phrases = readEffects(changes).map((kind) => ofEffect[kind]());
  const fields = readOtherFields(changes);
  if (fields.length > 0) phrases.push(ofAccount(verbs.change, name, ` (${shorten(fields)})`));
  return phrases;
}

const MOST_FIELDS = 6;

function shorten(fields: readonly string[]): string {
  const more = fields.length - MOST_FIELDS;
  return more > 0 ? `${fields.slice(0, MOST_FIELDS).join(', ')} and ${more} more` : fields.join(', ');
}
