import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Invitations } from '../accounts/invitations.js';
import type { LoginDelays } from '../accounts/login-delays.js';
import { hashPassword, LEAST_PASSWORD, passwordMatches } from '../accounts/password.js';
import type { LiveSession, Sessions } from '../accounts/sessions.js';
import type { StoredUser, Users } from '../accounts/users.js';
import type { Role, Session } from '../answers.js';
import { COOKIE, notLoggedIn } from '../gate.js';
import { type Answer, type Handlers, nameOf } from '../handler.js';
import { refused } from '../problem.js';
import { refuseLastAdmin } from './refuse-last-admin.js';

export interface SessionParts {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly invitations: Invitations;
  readonly delays: LoginDelays;
  /** `console.directory` */
  readonly directory: string;
  readonly manage: boolean;
  /** Of new passwords, as `hashPassword` takes it. */
  readonly passwordCost: number | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** One change of users at a time. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
}

/** File in `console.directory` with the link for the first administrator. */
export const FIRST_LOGIN = 'first-login';
const WRONG = 'The user or the password is wrong, or the link was used or is over.';

export function sessionHandlers(parts: SessionParts): Pick<Handlers, 'login' | 'logout' | 'whoAmI' | 'changePassword'> {
  const { users, sessions, invitations, delays, directory, manage, passwordCost, now, exclusive } = parts;

  const begin = (user: StoredUser): Answer<Session> => {
    const { id, session } = sessions.start(user.name, user.role);
    return {
      json: { ...shown(session), proof: session.proof },
      headers: { 'set-cookie': `${COOKIE}=${id}; Secure; HttpOnly; SameSite=Strict; Path=/` },
      showsSecret: true,
    };
  };
  const shown = (session: LiveSession): Session => {
    const { idle, max } = sessions.ends(session);
    return {
      user: session.user,
      role: session.role,
      kind: 'session',
      idleUntil: new Date(idle).toISOString(),
      endsAt: new Date(max).toISOString(),
      manage,
    };
  };
  const delayed = (account: string, address: string) => {
    const wait = delays.attempt({ account, address });
    if (wait === 0) return;
    const seconds = Math.ceil(wait / 1000);
    throw refused(429, 'WAIT', 'There were too many wrong passwords.', `Try again in ${seconds} s.`, {
      retryAfter: seconds,
    });
  };
  const byPassword = async (name: string, password: string, address: string): Promise<StoredUser> => {
    const source = { account: name, address };
    delayed(name, address);
    const user = await users.find(name);
    if (!(await passwordMatches(password, user?.password)) || user === undefined) throw notLoggedIn(WRONG);
    await exclusive(() => refuseChanged(user));
    delays.succeeded(source);
    return user;
  };
  /** Hashing takes its time: what became of the user meanwhile is in force. */
  const refuseChanged = async (user: StoredUser): Promise<void> => {
    if (!isDeepStrictEqual(await users.find(user.name), user)) throw notLoggedIn(WRONG);
  };
  const byLink = async (
    token: string,
    password: string,
    chosen: string | undefined,
    address: string,
  ): Promise<StoredUser> => {
    delayed('one-time link', address);
    const invitation = await invitations.find(token);
    if (invitation === undefined) throw notLoggedIn(WRONG);
    const name = invitation.user ?? chosen;
    if (name === undefined)
      throw refused(422, 'NAME', 'The first administrator has no name yet.', 'Choose a name.', {
        problems: [{ pointer: '/user', message: 'is needed' }],
      });
    judgePassword(password);
    const hash = await hashPassword(password, passwordCost);
    return exclusive(async () => {
      // From here on the link is this request's alone.
      const claimed = await invitations.claim(token);
      if (claimed === undefined) throw notLoggedIn(WRONG);
      try {
        const user = await take(name, claimed.role, hash, invitation.user === undefined);
        delays.succeeded({ account: 'one-time link', address });
        return user;
      } catch (error) {
        await invitations.release(token);
        throw error;
      }
    });
  };
  const take = async (name: string, role: Role, hash: StoredUser['password'], first: boolean): Promise<StoredUser> => {
    const present = await users.find(name);
    const user: StoredUser = {
      name: present?.name ?? name,
      role,
      createdAt: present?.createdAt ?? new Date(now()).toISOString(),
      createdBy: present?.createdBy ?? (first ? 'the first link' : 'an invitation'),
      password: hash,
    };
    if (first) {
      if ((await users.list()).length > 0 || !(await users.create(user))) throw notLoggedIn(WRONG);
      await rm(join(directory, FIRST_LOGIN), { force: true });
    } else if (present !== undefined) {
      if (role !== 'admin') await refuseLastAdmin(users, present.name);
      await users.replace(user);
      sessions.endAll(user.name);
    } else if (!(await users.create(user))) throw notLoggedIn(WRONG);
    return user;
  };

  return {
    async login({ body, address, audit }) {
      if ('token' in body) {
        audit.actor = body.user ?? 'one-time link';
        const user = await byLink(body.token, body.password, body.user, address);
        audit.actor = user.name;
        audit.details.by = 'one-time link';
        return begin(user);
      }
      audit.actor = body.user;
      return begin(await byPassword(body.user, body.password, address));
    },
    async logout(asked) {
      const { principal } = asked;
      if (principal?.session !== undefined) sessions.end(principal.session);
      return {
        status: 204,
        headers: {
          'set-cookie': `${COOKIE}=; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age=0`,
          'clear-site-data': '"storage"',
        },
      };
    },
    async whoAmI({ principal }) {
      if (principal?.session !== undefined) return { json: shown(principal.session) };
      const role = principal?.role ?? 'viewer';
      return { json: { user: principal?.name ?? '', role, kind: 'token', idleUntil: null, endsAt: null, manage } };
    },
    async changePassword(asked) {
      const { principal, body, address } = asked;
      if (principal?.session === undefined)
        throw refused(403, 'ROLE', 'A token has no password.', 'Log in as a person.');
      judgePassword(body.password);
      const user = await byPassword(nameOf(asked), body.present, address);
      const password = await hashPassword(body.password, passwordCost);
      await exclusive(async () => {
        await refuseChanged(user);
        await users.replace({ ...user, password });
        sessions.endAll(user.name);
      });
      return { status: 204, headers: {} };
    },
  };
}

/** @throws Refused */
function judgePassword(password: string): void {
  if (password.length >= LEAST_PASSWORD) return;
  throw refused(
    422,
    'PASSWORD',
    `The password has fewer than ${LEAST_PASSWORD} characters.`,
    'Choose a longer one; a sentence is easy to remember.',
    { problems: [{ pointer: '/password', message: `needs at least ${LEAST_PASSWORD} characters` }] },
  );
}
