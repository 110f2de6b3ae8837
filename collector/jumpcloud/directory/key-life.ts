import { isObject, type JsonObject, type JsonValue } from '../../../mappings/json.js';
import { asCollectorError, type ErrorCode } from '../../errors.js';
import type { Credential } from '../auth/credential.js';

/**
 * What JumpCloud's console says about the life of the credential in use. Times are epoch milliseconds. The routes are
 * partly undocumented and closed to many roles, so that a refusal is an ordinary result.
 */
export type KeyLife =
  | {
      readonly kind: 'known';
      readonly createdAt: number | undefined;
      /** Undefined where JumpCloud names none: the key may be one of those without expiry, or the field is not shown. */
      readonly expiresAt: number | undefined;
      readonly from: 'getSelf' | 'users' | 'service-accounts';
      /** Name of the administrator's or service account's role, where it is shown. */
      readonly role?: string;
    }
  | { readonly kind: 'not_found'; readonly reason: string }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly detail: string | undefined;
      readonly reason: string;
    };

/** One GET of the console, path and query from its root. @throws CollectorError */
export type AskConsole = (path: string, signal?: AbortSignal) => Promise<JsonObject>;

/** JumpCloud's largest page of a console list (README.md 3). */
const LIST = 100;
const MAX_LISTS = 20;

/** @param ask undefined where no console belongs to the base URL */
export async function readKeyLife(
  ask: AskConsole | undefined,
  credential: Credential,
  signal?: AbortSignal,
): Promise<KeyLife> {
  if (ask === undefined)
    return { kind: 'not_found', reason: 'no console belongs to this base URL; set jumpcloud.region' };
  if (credential.state.refused) {
    return { kind: 'refused', code: 'CREDENTIAL_REFUSED', detail: '401', reason: 'JumpCloud refuses this credential' };
  }
  try {
    return credential.clientId === undefined
      ? await adminKeyLife(ask, credential, signal)
      : await accountLife(ask, credential.clientId, signal);
  } catch (error) {
    const { code, message, detail } = asCollectorError(error);
    if (code === 'ABORTED' || code === 'INTERNAL' || code === 'CREDENTIAL_MISSING') throw error;
    return { kind: 'refused', code, detail, reason: message };
  }
}

async function adminKeyLife(ask: AskConsole, credential: Credential, signal?: AbortSignal): Promise<KeyLife> {
  const own = await softly(ask, '/api/users/getSelf', signal);
  if (isObject(own)) {
    const prefix = hashOf(own)?.prefix;
    // getSelf speaks of the key's own administrator; a prefix that differs would be another key of theirs.
    const differs = typeof prefix === 'string' && prefix.length > 4 && !(await credential.keyStartsWith(prefix));
    const life = lifeOf(own, 'getSelf');
    if (!differs && life !== undefined) return life;
  }
  return findAdministrator(ask, credential, signal);
}

async function findAdministrator(ask: AskConsole, credential: Credential, signal?: AbortSignal): Promise<KeyLife> {
  const matches: JsonObject[] = [];
  for await (const administrator of listed(ask, '/api/users?sort=_id&', signal)) {
    const prefix = hashOf(administrator)?.prefix;
    if (typeof prefix === 'string' && (await credential.keyStartsWith(prefix))) matches.push(administrator);
  }
  if (matches.length > 1) return { kind: 'not_found', reason: 'several administrators have a key with this prefix' };
  const life = matches[0] === undefined ? undefined : lifeOf(matches[0], 'users');
  return life ?? { kind: 'not_found', reason: 'no administrator is shown with a key of this prefix' };
}

async function accountLife(ask: AskConsole, clientId: string, signal?: AbortSignal): Promise<KeyLife> {
  const accounts: JsonObject[] = [];
  let unseen = 0;
  for await (const account of listed(ask, '/api/v2/service-accounts?', signal)) {
    accounts.push(account);
    const { objectId } = account;
    const answer =
      typeof objectId === 'string'
        ? await softly(ask, `/api/v2/service-accounts/${encodeURIComponent(objectId.toWellFormed())}`, signal)
        : undefined;
    // The live answer wraps the account, the documented one does not (README.md 2.3).
    const full = isObject(answer?.serviceAccount) ? answer.serviceAccount : (answer ?? account);
    const secrets = secretsOf(full);
    if (secrets.length === 0) unseen += 1;
    const own = secrets.find((secret) => secret.clientId === clientId);
    if (own !== undefined) return accountKnown(own, full);
  }
  const [only] = accounts;
  // Without a look at the secrets a single account can only be the one that asks.
  if (only !== undefined && accounts.length === 1 && unseen === 1) return accountKnown({}, only);
  return { kind: 'not_found', reason: 'no service account is shown with this client id' };
}

function accountKnown(secret: JsonObject, account: JsonObject): KeyLife {
  return {
    kind: 'known',
    createdAt: instant(secret.createdAt) ?? instant(account.createdAt),
    expiresAt: instant(secret.expiresAt) ?? instant(account.expiresAt),
    from: 'service-accounts',
    ...roleOf(account),
  };
}

/** Members of `authConfigList`, each either the client secret's own fields or an object around them. */
function secretsOf(account: JsonObject): JsonObject[] {
  const list = Array.isArray(account.authConfigList) ? account.authConfigList : [];
  return list.filter(isObject).flatMap((entry) => [entry, ...Object.values(entry).filter(isObject)]);
}

/** A list of the console, page by page: `{results, totalCount}`. */
async function* listed(ask: AskConsole, query: string, signal?: AbortSignal): AsyncGenerator<JsonObject, void, void> {
  for (let page = 0; page < MAX_LISTS; page += 1) {
    const { results } = await ask(`${query}limit=${LIST}&skip=${page * LIST}`, signal);
    const rows = Array.isArray(results) ? results : [];
    yield* rows.filter(isObject);
    if (rows.length < LIST) return;
  }
}

/** Undefined where the route is refused or unknown: another route may still answer. */
async function softly(ask: AskConsole, path: string, signal?: AbortSignal): Promise<JsonObject | undefined> {
  try {
    return await ask(path, signal);
  } catch (error) {
    const { code } = asCollectorError(error);
    if (code === 'ABORTED' || code === 'INTERNAL' || code === 'CREDENTIAL_MISSING') throw error;
    return undefined;
  }
}

function hashOf(administrator: JsonObject): JsonObject | undefined {
  return isObject(administrator.apiKeyHash) ? administrator.apiKeyHash : undefined;
}

function lifeOf(administrator: JsonObject, from: 'getSelf' | 'users'): KeyLife | undefined {
  const hash = hashOf(administrator);
  const createdAt = instant(hash?.createdAt) ?? instant(administrator.apiKeyUpdatedAt);
  const expiresAt = instant(hash?.expireAt);
  if (createdAt === undefined && expiresAt === undefined) return undefined;
  return { kind: 'known', createdAt, expiresAt, from, ...roleOf(administrator) };
}

function roleOf({ roleName }: JsonObject): { role?: string } {
  return typeof roleName === 'string' && roleName !== '' ? { role: roleName } : {};
}

const YEAR_10000 = Date.UTC(10_000, 0, 1);

/** Epoch milliseconds of an RFC 3339 text; undefined for the zero dates that stand for "none", and for years that no calendar prints. */
function instant(value: JsonValue | undefined): number | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return ms > 0 && ms < YEAR_10000 ? ms : undefined;
}
