import { INVITATION_MS, type Invitations } from '../accounts/invitations.js';
import type { Sessions } from '../accounts/sessions.js';
import type { Tokens } from '../accounts/tokens.js';
import type { Users } from '../accounts/users.js';
import { type Handlers, personsOf } from '../handler.js';
import { refused } from '../problem.js';
import { refuseLastAdmin } from './refuse-last-admin.js';

export interface AccountParts {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly invitations: Invitations;
  /** Where the console is reached: `http://127.0.0.1:9465`. */
  readonly origin: () => string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** When each user logged in last since the process started; RFC 3339. */
  readonly lastLogins: ReadonlyMap<string, string>;
  /** One change of users at a time. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
}

const HOUR_MS = 60 * 60_000;

type AccountOperation =
  | 'listUsers'
  | 'inviteUser'
  | 'changeUser'
  | 'removeUser'
  | 'listTokens'
  | 'createToken'
  | 'rotateToken'
  | 'deleteToken';

export function accountHandlers(parts: AccountParts): Pick<Handlers, AccountOperation> {
  const { users, sessions, tokens, invitations, origin, now, lastLogins, exclusive } = parts;
  const known = async (name: string) => {
    const user = await users.find(name);
    if (user === undefined) throw refused(404, 'NO_USER', 'There is no user of that name.', 'See the list of users.');
    return user;
  };
  const noToken = () => refused(404, 'NO_TOKEN', 'There is no token of that id.', 'See the list of tokens.');
  return {
    async listUsers() {
      const stored = await users.list();
      const invited = (await invitations.list()).flatMap(({ user, role, expires }) =>
        user === undefined || stored.some(({ name }) => name.toLowerCase() === user.toLowerCase())
          ? []
          : [
              {
                name: user,
                role,
                createdAt: new Date(expires - INVITATION_MS).toISOString(),
                lastLogin: null,
                invited: true,
              },
            ],
      );
      const present = stored.map(({ name, role, createdAt }) => ({
        name,
        role,
        createdAt,
        lastLogin: lastLogins.get(name) ?? null,
        invited: false,
      }));
      return { json: { users: [...present, ...invited] } };
    },
    inviteUser: ({ body, audit }) =>
      exclusive(async () => {
        audit.target = { type: 'user', name: body.name };
        audit.details.role = body.role;
        const present = await users.find(body.name);
        if (present !== undefined && present.role !== body.role) await refuseLastAdmin(users, present.name);
        await invitations.withdraw(body.name);
        const expires = now() + INVITATION_MS;
        const token = await invitations.create({ user: body.name, role: body.role, expires });
        const link = `${origin()}/#start=${token}`;
        return {
          status: 201,
          json: { user: body.name, role: body.role, link, expires: new Date(expires).toISOString() },
          showsSecret: true,
        };
      }),
    changeUser: ({ parameters, body, audit }) =>
      exclusive(async () => {
        const user = await known(parameters.name!);
        audit.target = { type: 'user', name: user.name };
        audit.changes = [{ path: 'role', from: user.role, to: body.role }];
        if (body.role !== 'admin') await refuseLastAdmin(users, user.name);
        // A link made before would give the role of then.
        await invitations.withdraw(user.name);
        await users.replace({ ...user, role: body.role });
        sessions.endAll(user.name);
        return { status: 204 };
      }),
    removeUser: ({ parameters, audit }) =>
      exclusive(async () => {
        const name = parameters.name!;
        audit.target = { type: 'user', name };
        const user = await users.find(name);
        const isInvited = (await invitations.list()).some((one) => one.user?.toLowerCase() === name.toLowerCase());
        if (user === undefined && !isInvited) await known(name);
        if (user !== undefined) await refuseLastAdmin(users, user.name);
        await invitations.withdraw(name);
        if (user !== undefined) {
          await users.remove(user.name);
          sessions.endAll(user.name);
        }
        return { status: 204 };
      }),
    listTokens: async () => ({ json: { tokens: tokens.list() } }),
    async createToken(asked) {
      const { name, role, days, verbs = [] } = asked.body;
      asked.audit.target = { type: 'token', name };
      asked.audit.details.role = role;
      if (verbs.length > 0) asked.audit.details.verbs = [...verbs];
      const json = await tokens.create({ name, role, days, verbs, by: personsOf(asked) });
      return { status: 201, json, showsSecret: true };
    },
    async rotateToken({ principal, parameters, body, audit }) {
      audit.target = { type: 'token', name: parameters.id! };
      audit.details.overlapHours = body.overlapHours;
      const json = await tokens.rotate(parameters.id!, body.overlapHours * HOUR_MS, personsOf({ principal }));
      if (json === undefined) throw noToken();
      audit.target = { type: 'token', name: json.name };
      return { json, showsSecret: true };
    },
    async deleteToken({ parameters, audit }) {
      audit.target = { type: 'token', name: parameters.id! };
      const removed = await tokens.remove(parameters.id!);
      if (removed === undefined) throw noToken();
      audit.target = { type: 'token', name: removed.name };
      return { status: 204 };
    },
  };
}
