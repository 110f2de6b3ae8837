import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import { asCollectorError, CollectorError } from '../errors.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { idOf, readList } from '../jumpcloud/directory/list.js';
import type { DirectoryWrite, WriteOnce } from '../jumpcloud/directory/write-once.js';
import type { ResponseDirectory } from './directory.js';
import type { Plan } from './plan.js';
import { type Administrator, type GroupState, isId, type ScheduledState, type UserState } from './target.js';
import { verbs } from './verbs.js';

/** What is asked of a user: nothing else is read. */
const USER_FIELDS = [
  'username',
  'email',
  'state',
  'suspended',
  'password_expired',
  'password_expiration_date',
  'password_never_expires',
  'externally_managed',
  'restrictedFields',
  'delegatedAuthority',
  'admin',
];
const ADMINISTRATOR_FIELDS = 'email suspended roleName';

interface Options {
  readonly ask: AskDirectory;
  readonly write: WriteOnce;
  /** Whether x-org-id is sent: `/state/suspend` is documented without it, so that the state is then set by PUT. */
  readonly organizationNamed: boolean;
}

/** The directory of JumpCloud, read object by object and never by search, which lags behind. */
export function jumpCloudDirectory({ ask, write, organizationNamed }: Options): ResponseDirectory {
  const membershipsOf = async (user: string, signal?: AbortSignal) => {
    const rows: JsonObject[] = [];
    await wholeList(ask, { path: `/api/v2/users/${user}/memberof`, form: 'array' }, (row) => rows.push(row), signal);
    return rows;
  };
  const userById = async (id: string, signal?: AbortSignal) => {
    const { value } = await ask(
      `/api/systemusers/${id}?${new URLSearchParams({ fields: USER_FIELDS.join(' ') })}`,
      {},
      signal,
    );
    return ofId(id, userOf(value), 'user');
  };

  return {
    async read({ verb, user: named, group: namedGroup }, signal) {
      const user = await resolveUser(ask, userById, named, signal);
      const group = verbs[verb].ofGroup ? await resolveGroup(ask, namedGroup ?? '', signal) : undefined;
      const memberships = await membershipsOf(user.id, signal);
      const administrators: Administrator[] = [];
      const list = {
        path: '/api/users',
        form: 'results' as const,
        query: { sort: '_id', fields: ADMINISTRATOR_FIELDS },
      };
      await wholeList(ask, list, (row) => administrators.push(administratorOf(row)), signal);
      return {
        user,
        group,
        member: group && isDirectMember(memberships, group.id),
        groupsOfUser: memberships.map(({ id }) => String(id)),
        administrators,
        scheduled: verb === 'disable-user' ? await scheduledOf(ask, user.id, signal) : [],
      };
    },
    async readAgain({ user, group }, signal) {
      return {
        user: await userById(user.id, signal),
        member: group && isDirectMember(await membershipsOf(user.id, signal), group.id),
      };
    },
    send: (plan, signal) => write(requestOf(plan, organizationNamed), signal),
  };
}

/** The one request of an action. */
function requestOf({ verb, user, group }: Plan, organizationNamed: boolean): DirectoryWrite {
  const path = `/api/systemusers/${user.id}`;
  switch (verb) {
    case 'disable-user':
      return organizationNamed
        ? { method: 'PUT', path, body: { state: 'SUSPENDED', suspended: true } }
        : { method: 'POST', path: `${path}/state/suspend`, body: undefined };
    case 'enable-user':
      return { method: 'PUT', path, body: { state: 'ACTIVATED', suspended: false } };
    case 'expire-password':
      return { method: 'POST', path: `${path}/expire`, body: undefined };
    default:
      return {
        method: 'POST',
        path: `/api/v2/usergroups/${group?.id}/members`,
        body: { op: verb === 'add-to-group' ? 'add' : 'remove', type: 'user', id: user.id },
      };
  }
}

async function resolveUser(
  ask: AskDirectory,
  byId: (id: string, signal?: AbortSignal) => Promise<UserState>,
  named: string,
  signal?: AbortSignal,
): Promise<UserState> {
  if (isId(named)) return orAbsent(byId(named, signal), `user ${named}`);
  const field = named.includes('@') ? 'email' : 'username';
  const query = new URLSearchParams({ filter: `${field}:$eq:${named}`, limit: '2', fields: USER_FIELDS.join(' ') });
  const { value } = await ask(`/api/systemusers?${query}`, {}, signal);
  const rows = isObject(value) && Array.isArray(value.results) ? value.results : [];
  const found = theOne(rows, `user ${named}`, field, named);
  return userOf(found);
}

async function resolveGroup(ask: AskDirectory, named: string, signal?: AbortSignal): Promise<GroupState> {
  const what = `group ${named}`;
  if (isId(named)) {
    const { value } = await orAbsent(ask(`/api/v2/usergroups/${named}`, {}, signal), what);
    return ofId(named, groupOf(value), 'group');
  }
  const { value } = await ask(
    `/api/v2/usergroups?${new URLSearchParams({ filter: `name:eq:${named}`, limit: '2' })}`,
    {},
    signal,
  );
  return groupOf(theOne(Array.isArray(value) ? value : [], what, 'name', named));
}

/** A filter that the server ignores gives anybody: only one row, of that very name, is the one that was asked for. */
function theOne(rows: readonly JsonValue[], what: string, field: string, named: string): JsonValue {
  const [only] = rows;
  const name = isObject(only) ? only[field] : undefined;
  if (rows.length === 1 && typeof name === 'string' && name.toLowerCase() === named.toLowerCase()) return only!;
  const found =
    rows.length === 0
      ? 'nothing of that name is there'
      : 'JumpCloud answered with others than the one that was asked for';
  throw new CollectorError('USAGE', `The ${what} cannot be told: ${found}.`, {
    cure: 'Give the id: 24 hexadecimal digits, shown in the address of its page in JumpCloud.',
  });
}

async function orAbsent<T>(read: Promise<T>, what: string): Promise<T> {
  try {
    return await read;
  } catch (error) {
    const failure = asCollectorError(error);
    if (failure.detail !== '404') throw failure;
    throw new CollectorError('USAGE', `There is no ${what} in this organization.`, {
      cure: 'Look the id up in JumpCloud.',
      cause: error,
    });
  }
}

async function wholeList(
  ask: AskDirectory,
  list: Parameters<typeof readList>[1],
  take: (row: JsonObject) => void,
  signal?: AbortSignal,
): Promise<void> {
  let rows: JsonObject[] = [];
  const receiver = {
    begin: () => {
      rows = [];
    },
    row: (row: JsonValue) => {
      const id = idOf(row);
      if ('id' in id) rows.push(row as JsonObject);
      return id;
    },
  };
  const { incomplete, nulls, failure } = await readList(ask, list, receiver, signal);
  if (failure !== undefined) throw failure;
  // What cannot be seen might be what decides: an action needs all of it.
  if (incomplete !== undefined || nulls > 0)
    throw new CollectorError(
      'RESPONSE_INVALID',
      `${list.path} was not read whole: ${incomplete ?? `${nulls} rows are null`}`,
      {
        cure: 'Try again; nothing was sent.',
        transient: true,
      },
    );
  rows.forEach(take);
}

async function scheduledOf(ask: AskDirectory, user: string, signal?: AbortSignal): Promise<ScheduledState[]> {
  const { value } = await ask(
    `/api/v2/bulk/userstates?${new URLSearchParams({ userid: user, limit: '100' })}`,
    {},
    signal,
  );
  if (!Array.isArray(value)) throw notDecodable('list of scheduled changes');
  return value.map((row) => {
    if (!isObject(row) || typeof row.state !== 'string') throw notDecodable('state that is scheduled');
    return { state: row.state, at: text(row.scheduledDate) || 'an unknown time' };
  });
}

function isDirectMember(memberships: readonly JsonObject[], group: string): boolean {
  const found = memberships.find(({ id }) => id === group);
  if (found === undefined) return false;
  if (!Array.isArray(found.paths)) throw notDecodable('membership with its paths');
  return found.paths.some((path) => Array.isArray(path) && path.length === 1);
}

function userOf(value: JsonValue): UserState {
  const id = idOf(value);
  if (!('id' in id) || !isObject(value)) throw notDecodable('user with one id');
  if (typeof value.suspended !== 'boolean' && text(value.state) === '') throw notDecodable('state of the user');
  const restricted = Array.isArray(value.restrictedFields) ? value.restrictedFields.filter(isObject) : [];
  const authority = isObject(value.delegatedAuthority) ? value.delegatedAuthority.name : undefined;
  const suspended = value.suspended === true;
  return {
    id: id.id,
    username: text(value.username),
    email: text(value.email),
    state: text(value.state) || (suspended ? 'SUSPENDED' : 'ACTIVATED'),
    suspended,
    passwordExpired: value.password_expired === true,
    passwordExpiresAt: text(value.password_expiration_date) || undefined,
    passwordNeverExpires: value.password_never_expires === true,
    passwordElsewhere:
      value.externally_managed === true ||
      authority !== undefined ||
      restricted.some(({ field }) => field === 'password'),
    synchronised: authority !== undefined || restricted.length > 0,
    administrator: linkedOf(value.admin),
  };
}

function linkedOf(administrator: JsonValue | undefined): string | undefined {
  if (administrator === undefined || administrator === null) return undefined;
  // Whether a user without one has null or an empty object is undocumented: neither names anybody.
  if (isObject(administrator) && Object.keys(administrator).length === 0) return undefined;
  const id = isObject(administrator) ? text(administrator.id) : '';
  if (id === '') throw notDecodable('id of the administrator that is linked to the user');
  return id;
}

/** What was asked for by its id, and nothing else. */
function ofId<T extends { readonly id: string }>(id: string, found: T, what: string): T {
  if (found.id !== id) throw notDecodable(`${what} ${id}`);
  return found;
}

function groupOf(value: JsonValue): GroupState {
  const id = idOf(value);
  if (!('id' in id) || !isObject(value)) throw notDecodable('group with one id');
  const attributes = isObject(value.attributes) ? value.attributes : {};
  const sudo = isObject(attributes.sudo) ? attributes.sudo : {};
  return {
    id: id.id,
    name: text(value.name),
    // A group that does not say is treated as one that JumpCloud fills itself.
    membershipMethod: text(value.membershipMethod) || 'unknown',
    sudo: sudo.enabled === true || sudo.withoutPassword === true,
  };
}

function administratorOf(value: JsonObject): Administrator {
  const { _id, id, email, suspended, roleName } = value;
  return { id: String(_id ?? id), email: text(email), suspended: suspended === true, roleName: text(roleName) };
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function notDecodable(what: string): CollectorError {
  return new CollectorError('RESPONSE_INVALID', `JumpCloud's answer holds no ${what}`, {
    cure: 'Try again; nothing was sent.',
    transient: true,
  });
}
