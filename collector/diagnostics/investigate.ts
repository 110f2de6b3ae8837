import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import { asCollectorError, CollectorError } from '../errors.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import { project, requestedFields, userFields } from '../jumpcloud/directory/projection.js';
import type { OpenTables } from '../query/open-tables.js';
import { quoteText } from '../sinks/tables/columns.js';

/** What is known of a person, for an analyst. Reads only. */
export interface Investigation {
  readonly user: {
    readonly id: string;
    readonly username: string | null;
    readonly email: string | null;
    /** `ACTIVATED`, `SUSPENDED`, `STAGED`; null: JumpCloud did not say. */
    readonly state: string | null;
    readonly locked: boolean | null;
    readonly mfa: boolean | null;
    /** The administrator account that is linked with the user; null: none is. */
    readonly administrator: { readonly id: string; readonly role: string | null } | null;
  } | null;
  /** Names of the user's groups, or their ids; null: they could not be read. */
  readonly groups: readonly string[] | null;
  /** Of the last day, the latest first. */
  readonly logins: readonly JsonObject[];
  /** The latest first. */
  readonly findings: readonly JsonObject[];
  /** What could not be read, and why. */
  readonly unread: readonly string[];
}

const MOST_GROUPS = 50;
const ID = /^[0-9a-f]{24}$/;

/**
 * Looks at a person in the directory and in the tables.
 * @param named id, username or e-mail address
 * @param directory undefined: no console belongs to the base URL
 * @param tables undefined: the feed's sink is no tables
 * @param failed told of each failure to read
 * @throws CollectorError USAGE where nobody is named so
 */
export async function investigateUser(
  named: string,
  directory: AskDirectory | undefined,
  tables: Pick<OpenTables, 'query'> | undefined,
  signal: AbortSignal,
  failed: (failure: CollectorError) => void = () => {},
): Promise<Investigation> {
  const unread: string[] = [];
  const softly = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      const failure = asCollectorError(error);
      if (['ABORTED', 'USAGE', 'INTERNAL'].includes(failure.code)) throw failure;
      unread.push(`${what}: ${failure.message}`);
      failed(failure);
      return undefined;
    }
  };
  if (directory === undefined) await softly('the directory', () => Promise.reject(withoutConsole()));
  if (tables === undefined) unread.push('logins and findings: the sink is not tables');
  const row = directory && (await softly('the user', () => findUser(directory, named, signal)));
  const id = textOf(row?._id) ?? textOf(row?.id) ?? (ID.test(named) ? named : undefined);
  const groups = directory && id && (await softly('the groups', () => groupsOf(directory, id, signal)));
  const names = [named, textOf(row?.username), textOf(row?.email)].filter((name) => name !== undefined);
  const of = tables && (await softly('the tables', () => storedOf(tables, id, names)));
  return {
    user: row === undefined ? null : userOf(row),
    groups: groups || null,
    logins: of?.logins ?? [],
    findings: of?.findings ?? [],
    unread,
  };
}

function withoutConsole(): CollectorError {
  return new CollectorError('CONFIG_INVALID', 'no console belongs to this base URL', {
    cure: 'Set jumpcloud.region or jumpcloud.consoleUrl.',
  });
}

/** The id of whom a finding is about. @throws CollectorError USAGE where the tables hold no such finding, or it names nobody */
export async function userOfFinding(finding: string, tables: Pick<OpenTables, 'query'>): Promise<string> {
  const wanted = quoteText(finding);
  const [row] = await rowsOf(
    tables,
    `SELECT coalesce(evidences[1].user.uid, resources[1].uid) AS uid FROM detection_finding
     WHERE finding_info.uid = ${wanted} OR metadata.uid = ${wanted} ORDER BY time DESC LIMIT 1`,
  );
  const uid = textOf(row?.uid);
  if (uid !== undefined) return uid;
  throw new CollectorError('USAGE', `The tables hold no finding ${finding} that names a user.`, {
    cure: 'Name a finding by its finding_info.uid or metadata.uid, or the user with --user.',
  });
}

/** The user of exactly this id, username or e-mail address: a filter that JumpCloud ignores must not find somebody else. */
async function findUser(ask: AskDirectory, named: string, signal: AbortSignal): Promise<JsonObject> {
  const fields = requestedFields(userFields).join(' ');
  const filters = ID.test(named) ? [] : ['username', 'email'];
  if (filters.length === 0) {
    const { value } = await ask(`/api/systemusers/${named}`, {}, signal);
    if (isObject(value) && (value._id === named || value.id === named)) return keep(value);
  }
  for (const field of filters) {
    const query = new URLSearchParams({ filter: `${field}:$eq:${named}`, fields, limit: '2' });
    const { value } = await ask(`/api/systemusers?${query}`, {}, signal);
    const rows = isObject(value) && Array.isArray(value.results) ? value.results.filter(isObject) : [];
    const own = rows.filter((row) => textOf(row[field])?.toLowerCase() === named.toLowerCase());
    if (own.length === 1) return keep(own[0]!);
  }
  throw new CollectorError('USAGE', 'JumpCloud has no one user of that id, username or e-mail address.', {
    cure: 'Write it as JumpCloud has it.',
  });
}

function keep(row: JsonObject): JsonObject {
  return {
    ...project(row, userFields),
    ...(row._id === undefined ? {} : { _id: row._id }),
    ...(row.id === undefined ? {} : { id: row.id }),
  };
}

async function groupsOf(ask: AskDirectory, user: string, signal: AbortSignal): Promise<string[]> {
  const { value } = await ask(`/api/v2/users/${user}/memberof?limit=100`, {}, signal);
  const ids = (Array.isArray(value) ? value : [])
    .filter(isObject)
    .map(({ id }) => textOf(id))
    .filter((id) => id !== undefined);
  const names: string[] = [];
  for (const id of ids.slice(0, MOST_GROUPS)) {
    const { value: group } = await ask(`/api/v2/usergroups/${encodeURIComponent(id.toWellFormed())}`, {}, signal);
    names.push((isObject(group) ? textOf(group.name) : undefined) ?? id);
  }
  return [...names, ...ids.slice(MOST_GROUPS)];
}

function userOf(row: JsonObject): NonNullable<Investigation['user']> {
  const admin = isObject(row.admin) ? row.admin : undefined;
  const mfa = isObject(row.mfa) ? row.mfa.configured : undefined;
  const flag = (value: JsonValue | undefined) => (typeof value === 'boolean' ? value : null);
  return {
    id: textOf(row._id) ?? textOf(row.id) ?? '',
    username: textOf(row.username) ?? null,
    email: textOf(row.email) ?? null,
    state: textOf(row.state) ?? (row.suspended === true ? 'SUSPENDED' : null),
    locked: flag(row.account_locked),
    mfa: flag(mfa ?? row.totp_enabled),
    administrator:
      admin === undefined || textOf(admin.id) === undefined
        ? null
        : { id: textOf(admin.id)!, role: textOf(admin.roleName) ?? null },
  };
}

async function storedOf(
  tables: Pick<OpenTables, 'query'>,
  id: string | undefined,
  names: readonly string[],
): Promise<{ logins: JsonObject[]; findings: JsonObject[] }> {
  const list = names.map(quoteText).join(', ');
  const uid = quoteText(id ?? '');
  const logins = await rowsOf(
    tables,
    `SELECT strftime(time_dt, '%Y-%m-%dT%H:%M:%SZ') AS at, event_code, activity_name, status, src_endpoint.ip AS ip
     FROM authentication WHERE (user.uid = ${uid} OR user.name IN (${list})) AND time_dt > now() - INTERVAL 1 DAY
     ORDER BY time_dt DESC LIMIT 100`,
  );
  const findings = await rowsOf(
    tables,
    `SELECT strftime(time_dt, '%Y-%m-%dT%H:%M:%SZ') AS at, finding_info.uid AS finding, finding_info.title AS title, severity, status
     FROM detection_finding
     WHERE len(list_filter(resources, lambda one: one.uid = ${uid})) > 0 OR len(list_filter(evidences, lambda one: one.user.uid = ${uid})) > 0
     ORDER BY time_dt DESC LIMIT 100`,
  );
  return { logins, findings };
}

async function rowsOf(tables: Pick<OpenTables, 'query'>, sql: string): Promise<JsonObject[]> {
  const { columns, rows } = await tables.query(sql);
  const found: JsonObject[] = [];
  for await (const row of rows)
    found.push(Object.fromEntries(columns.map(({ name }, index) => [name, (row[index] ?? null) as JsonValue])));
  return found;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
