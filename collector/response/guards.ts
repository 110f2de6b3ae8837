import { nameForms } from '../../mappings/directory-names.js';
import type { History, ResponseAsk } from './plan.js';
import { isAsWanted, type Target } from './target.js';
import { type Verb, verbs } from './verbs.js';

/** What the configuration allows. Fails closed: an empty list allows nothing. */
export interface ResponsePolicy {
  readonly allow: readonly Verb[];
  /** Ids or names of the groups that members may be added to and removed from. */
  readonly groups: readonly string[];
  /** Ids, usernames or e-mail addresses of users that no action touches. */
  readonly protectedUsers: readonly string[];
  /** Ids of groups whose members no action touches. */
  readonly protectedGroups: readonly string[];
}

/** Why an action is refused, and what would lift it. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly reason: string;
  readonly cure: string;
}

export type RefusalCode =
  /** No user or group, or more than one, is what was named. */
  | 'TARGET_UNKNOWN'
  /** What decides could not be read. */
  | 'TARGET_UNREADABLE'
  | 'VERB_NOT_ALLOWED'
  | 'GROUP_NOT_ALLOWED'
  | 'PROTECTED'
  | 'OWN_ACCOUNT'
  | 'LAST_ADMINISTRATOR'
  | 'DYNAMIC_GROUP'
  | 'NO_EFFECT'
  | 'SCHEDULED'
  | 'NOT_OURS'
  | 'NOT_APPROVED'
  | 'PLAN_EXPIRED'
  | 'TARGET_CHANGED'
  | 'ACTION_ID_TAKEN'
  | 'RATE'
  | 'STOPPED'
  | 'NOT_UNDOABLE';

/** What the guards say of an action; they can only refuse, warn, or ask for a second person. */
export interface Judgement {
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly string[];
  /** What stays usable after the action, named. */
  readonly residualAccess: readonly string[];
  /** Why a second person has to approve; empty: nobody has to. */
  readonly approval: readonly string[];
}

const BILLING = 'Administrator With Billing';
const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

type Asking = Pick<ResponseAsk, 'requester' | 'persons'>;

const personsBehind = ({ requester, persons }: Asking): readonly string[] => persons ?? [requester];

/**
 * Whether two names may be one person's: a user name with or without a domain, or an e-mail address, whatever its case.
 * Where they differ in more than that nothing says that they are.
 */
function maybeOne(one: string, other: string): boolean {
  const [a, b] = [nameForms(one), nameForms(other)];
  return a.username === b.username && (a.email === undefined || b.email === undefined || a.email === b.email);
}

/** Whether a person requested an action, or may have by a token. */
export function isBehind(name: string, ask: Asking): boolean {
  return personsBehind(ask).some((one) => maybeOne(one, name));
}

/** Whether this may be a name of the account that an action is about. */
export function isTarget(
  name: string,
  { id, username, email }: Pick<Target['user'], 'id' | 'username' | 'email'>,
): boolean {
  return [id, username, email].some((one) => one !== '' && maybeOne(one, name));
}

/**
 * Judges an action on what was read of its target. Pure: the same ask, target, policy and history give the same judgement.
 * @param now epoch milliseconds
 */
export function judge(
  ask: ResponseAsk,
  target: Target,
  policy: ResponsePolicy,
  history: History,
  now: number,
): Judgement {
  const refusals: Refusal[] = [];
  const warnings: string[] = [];
  const residualAccess: string[] = [];
  const approval: string[] = [];
  const refuse = (code: RefusalCode, reason: string, cure: string) => refusals.push({ code, reason, cure });
  const { user, group } = target;
  const { verb } = ask;

  if (!policy.allow.includes(verb))
    refuse('VERB_NOT_ALLOWED', `respond.allow does not hold ${verb}`, `Add ${verb} to respond.allow.`);
  if (group !== undefined) {
    if (!policy.groups.some((one) => one === group.id || one === group.name))
      refuse(
        'GROUP_NOT_ALLOWED',
        `respond.groups does not hold ${group.name} (${group.id})`,
        'Add the group to respond.groups.',
      );
    if (group.membershipMethod !== 'STATIC')
      refuse(
        'DYNAMIC_GROUP',
        `${group.name} is a dynamic group (${group.membershipMethod}): JumpCloud takes the change back`,
        'Change the attribute that the group selects by, or use a static group.',
      );
    if (verb === 'add-to-group' && group.sudo) approval.push(`${group.name} gives sudo`);
  }

  const protectedAs = policy.protectedUsers.find((one) =>
    [user.id, user.username, user.email].some((name) => name !== '' && same(one, name)),
  );
  const protectedBy = policy.protectedGroups.find((one) => target.groupsOfUser.includes(one));
  if (protectedAs !== undefined || protectedBy !== undefined)
    refuse(
      'PROTECTED',
      protectedAs === undefined
        ? `${user.username} is in the protected group ${protectedBy}`
        : `${user.username} is protected`,
      'Nothing but the configuration lifts this: respond.protected.',
    );
  if (personsBehind(ask).some((name) => isTarget(name, user)))
    refuse('OWN_ACCOUNT', 'the requester is the target', 'Let somebody else request it.');

  const linked = target.administrators.find(({ id }) => id === user.administrator);
  const sameMail = target.administrators.filter(
    (one) => one.id !== user.administrator && user.email !== '' && same(one.email, user.email),
  );
  if (user.administrator !== undefined) {
    approval.push(`${user.username} is linked to the administrator ${linked?.email ?? user.administrator}`);
    const billing = target.administrators.filter(({ roleName, suspended }) => roleName === BILLING && !suspended);
    const isBilling = linked === undefined || billing.some(({ id }) => id === linked.id);
    if (verb === 'disable-user' && isBilling && billing.length <= 1)
      refuse(
        'LAST_ADMINISTRATOR',
        `${user.username} is linked to the last active ${BILLING}`,
        `Give somebody else the role ${BILLING} first.`,
      );
  }
  if (verb === 'disable-user')
    for (const { email, suspended } of sameMail)
      if (!suspended) residualAccess.push(`the administrator account ${email} is not linked and stays usable`);

  if (verb === 'expire-password') {
    if (user.passwordElsewhere)
      refuse('NO_EFFECT', 'another directory manages this password', 'Reset it there, or use disable-user.');
    if (user.passwordNeverExpires)
      refuse('NO_EFFECT', 'this password never expires', 'Use disable-user, or change the user in JumpCloud first.');
  }
  if (verb === 'disable-user') {
    if (user.synchronised) warnings.push('Another directory manages this user and may activate it again.');
    const pending = target.scheduled.find(({ state }) => state === 'ACTIVATED');
    if (pending !== undefined) {
      warnings.push(`JumpCloud activates this user by itself at ${pending.at}.`);
      if (!ask.forceScheduled)
        refuse(
          'SCHEDULED',
          `a scheduled activation at ${pending.at} undoes it`,
          'Remove it in JumpCloud, or give --force-scheduled.',
        );
    }
  }
  if (verb === 'enable-user' && !history.disabledByUs && !ask.notOurs && !isAsWanted(verb, target, now))
    refuse(
      'NOT_OURS',
      `the journal holds no disable-user of ${user.username}: somebody else suspended this user`,
      'Ask who did, then give --not-ours.',
    );
  if (history.undone !== undefined && !isAsWanted(history.undone.verb, target, now))
    refuse(
      'TARGET_CHANGED',
      `${user.username} is no longer as ${history.undone.actionId} left it: somebody else changed it`,
      'Plan an action of its own.',
    );
  const { caution } = verbs[verb];
  if (caution !== undefined) warnings.push(caution);
  return { refusals, warnings, residualAccess, approval };
}
