import type { Verb } from './verbs.js';

/** Whether an object of JumpCloud is named by its id. */
export function isId(name: string): boolean {
  return /^[0-9a-f]{24}$/.test(name);
}

/** A user as one GET of the directory shows it; only what decides about an action. */
export interface UserState {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  /** `ACTIVATED`, `SUSPENDED`, `STAGED`, or whatever JumpCloud says. */
  readonly state: string;
  readonly suspended: boolean;
  readonly passwordExpired: boolean;
  /** RFC 3339 as JumpCloud gives it. */
  readonly passwordExpiresAt: string | undefined;
  readonly passwordNeverExpires: boolean;
  /** The password is another directory's: JumpCloud's expiry does not reach it. */
  readonly passwordElsewhere: boolean;
  /** Another directory decides about the account, and may activate it again. */
  readonly synchronised: boolean;
  /** The administrator account that is linked to this user. */
  readonly administrator: string | undefined;
}

export interface GroupState {
  readonly id: string;
  readonly name: string;
  /** `STATIC`, or a kind of dynamic membership that JumpCloud restores by itself. */
  readonly membershipMethod: string;
  /** Members may use sudo on the group's devices. */
  readonly sudo: boolean;
}

export interface Administrator {
  readonly id: string;
  readonly email: string;
  readonly suspended: boolean;
  readonly roleName: string;
}

/** A change of a user's state that JumpCloud will make by itself. */
export interface ScheduledState {
  readonly state: string;
  /** RFC 3339 */
  readonly at: string;
}

/** Everything about the target of one action, read at one time. */
export interface Target {
  readonly user: UserState;
  readonly group: GroupState | undefined;
  /** Whether the user is a direct member of the group; undefined for verbs without one. */
  readonly member: boolean | undefined;
  /** Ids of the groups that the user is in. */
  readonly groupsOfUser: readonly string[];
  readonly administrators: readonly Administrator[];
  readonly scheduled: readonly ScheduledState[];
}

/** The part of a target that a verb changes: what is compared before sending, and restored by undo. */
export type Before = Readonly<Record<string, string | boolean>>;

export function beforeOf(verb: Verb, target: Target): Before {
  if (target.member !== undefined) return { member: target.member };
  const { state, suspended, passwordExpired, passwordExpiresAt } = target.user;
  if (verb === 'expire-password') return { passwordExpired, passwordExpiresAt: passwordExpiresAt ?? '' };
  return { state, suspended };
}

/**
 * Whether the target is as the verb wants it. `now` epoch milliseconds.
 * @param before what was planned on: the day on which a password expires says something only where it has changed, since
 *   the clock may be wrong
 */
export function isAsWanted(
  verb: Verb,
  { user, member }: Pick<Target, 'user' | 'member'>,
  now: number,
  before?: Before,
): boolean {
  switch (verb) {
    case 'disable-user':
      return user.suspended && user.state === 'SUSPENDED';
    case 'enable-user':
      return !user.suspended && user.state === 'ACTIVATED';
    case 'add-to-group':
      return member === true;
    case 'remove-from-group':
      return member === false;
    default: {
      const { passwordExpired, passwordExpiresAt = '' } = user;
      const isMoved = before !== undefined && before.passwordExpiresAt !== passwordExpiresAt;
      return passwordExpired || (isMoved && Date.parse(passwordExpiresAt) <= now);
    }
  }
}

export function sameBefore(one: Before, other: Before): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
