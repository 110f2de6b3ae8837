import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, type JsonValue } from '../../../mappings/json.js';
import { makeDirectory, namesIn, replaceFile, syncDirectory } from '../../files/durable-file.js';
import type { Verb } from '../../response/verbs.js';
import type { ApiToken, NewApiToken, Role } from '../answers.js';
import { readStored } from '../stored-file.js';

interface StoredToken extends Omit<ApiToken, 'verbs' | 'heldBy' | 'overlapUntil'> {
  /** Absent in tokens from before response had an API. */
  readonly verbs?: readonly Verb[];
  /** Absent in tokens of earlier builds: the user who made it. */
  readonly heldBy?: readonly string[];
  /** SHA-256 of the token. */
  readonly digest: string;
  /** The digest before *Rotate*, and until when it is taken. */
  readonly before: { readonly digest: string; readonly until: string } | null;
}

/** API tokens: stored as digests, one file each, looked up in memory. */
export interface Tokens {
  list(): readonly ApiToken[];
  create(asked: {
    name: string;
    role: Role;
    days: number | undefined;
    verbs: readonly Verb[];
    /** The persons who get the secret, at least one; the first made it. */
    by: readonly string[];
  }): Promise<NewApiToken>;
  /** `by` as of `create`. Undefined: there is no such token. */
  rotate(id: string, overlapMs: number, by: readonly string[]): Promise<NewApiToken | undefined>;
  remove(id: string): Promise<ApiToken | undefined>;
  /** Who a token is; counts as its use. Undefined: unknown or over. */
  use(token: string): ApiToken | undefined;
  /** Waits for what is being stored. */
  close(): Promise<void>;
}

const DAY_MS = 24 * 60 * 60_000;
/** The time of last use is stored this often. */
const STORE_USE_MS = 60_000;

/**
 * @param directory `console.directory`
 * @param now epoch milliseconds
 * @param onFailure called when the time of last use could not be stored
 */
export async function openTokens(
  directory: string,
  now: () => number,
  onFailure: (error: unknown) => void,
): Promise<Tokens> {
  const folder = join(directory, 'tokens');
  const tokens = new Map<string, StoredToken>();
  const stored = new Map<string, number>();
  for (const name of (await namesIn(folder)).filter((file) => file.endsWith('.json'))) {
    const token = await readStored<StoredToken>(join(folder, name), isToken);
    if (token !== undefined) tokens.set(token.id, token);
  }
  let queue: Promise<unknown> = Promise.resolve();
  /** Stores what is in force when its turn comes: what waited behind a rotation must not bring back the old secret. */
  const store = (id: string): Promise<void> => {
    const written = queue.then(async () => {
      const token = tokens.get(id);
      if (token === undefined) return;
      await makeDirectory(folder);
      await replaceFile(join(folder, `${token.id}.json`), `${JSON.stringify(token, null, 2)}\n`);
    });
    queue = written.catch(() => undefined);
    return written;
  };
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    list: () => [...tokens.values()].map(shown),
    async create({ name, role, days, verbs, by }) {
      const secret = newSecret();
      const token: StoredToken = {
        id: randomBytes(8).toString('hex'),
        name,
        role,
        createdBy: by[0]!,
        heldBy: by,
        createdAt: iso(now()),
        expires: days === undefined ? null : iso(now() + days * DAY_MS),
        lastUsed: null,
        verbs,
        digest: digest(secret),
        before: null,
      };
      tokens.set(token.id, token);
      await store(token.id).catch((error: unknown) => {
        tokens.delete(token.id);
        throw error;
      });
      return { ...shown(token), token: secret };
    },
    async rotate(id, overlapMs, by) {
      const token = tokens.get(id);
      if (token === undefined) return undefined;
      const secret = newSecret();
      const before = overlapMs === 0 ? null : { digest: token.digest, until: iso(now() + overlapMs) };
      const heldBy = [...new Set([...holdersOf(token), ...by])];
      const rotated = { ...token, heldBy, digest: digest(secret), before };
      tokens.set(id, rotated);
      await store(id).catch((error: unknown) => {
        tokens.set(id, token);
        throw error;
      });
      return { ...shown(rotated), token: secret };
    },
    async remove(id) {
      const token = tokens.get(id);
      if (token === undefined) return undefined;
      tokens.delete(id);
      await queue;
      await rm(join(folder, `${id}.json`), { force: true });
      await syncDirectory(folder);
      return shown(token);
    },
    use(secret) {
      const given = digest(secret);
      const token = [...tokens.values()].find(
        ({ digest: present, before }) =>
          present === given || (before !== null && before.digest === given && now() < Date.parse(before.until)),
      );
      if (token === undefined || (token.expires !== null && now() >= Date.parse(token.expires))) return undefined;
      const used = { ...token, lastUsed: iso(now()) };
      tokens.set(token.id, used);
      if (now() - (stored.get(token.id) ?? 0) >= STORE_USE_MS) {
        stored.set(token.id, now());
        store(token.id).catch(onFailure);
      }
      return shown(used);
    },
    async close() {
      await queue;
    },
  };
}

function isToken(value: JsonValue): boolean {
  return (
    isObject(value) && ['id', 'name', 'role', 'createdBy', 'digest'].every((key) => typeof value[key] === 'string')
  );
}

function newSecret(): string {
  return `jo_${randomBytes(32).toString('base64url')}`;
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function shown({ digest: _digest, before, ...token }: StoredToken): ApiToken {
  return { ...token, verbs: token.verbs ?? [], heldBy: holdersOf(token), overlapUntil: before?.until ?? null };
}

function holdersOf({ heldBy, createdBy }: Pick<StoredToken, 'heldBy' | 'createdBy'>): readonly string[] {
  return heldBy ?? [createdBy];
}
