import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { isObject, type JsonValue } from '../../../mappings/json.js';
import { MANAGED_FEEDS } from '../../config/load-config.js';
import { exists, isMissing, makeDirectory, namesIn, replaceFile, syncDirectory } from '../../files/durable-file.js';
import { lastFour } from '../../jumpcloud/auth/secret-source.js';
import type { Revision, StoredSecret } from '../answers.js';
import { readStored } from '../stored-file.js';
import { changesBetween, type Document, etagOf, fingerprintOf, SECRET_KEYS, valueAt, withValue } from './document.js';

/*
 * Feeds that the console manages, below `console.directory`:
 *
 *   feeds.d/NAME.yaml          what `run` reads, a member of `feeds`; its rename into place is the commit point of a save
 *   history/NAME/N.json        the document of each revision as it was PUT, who, when; never holds a secret
 *   secrets/NAME/KEY.DIGEST    one secret each; named after its digest, so that a new one never replaces one in force
 *   drafts/NAME.json           forms that wait for somebody
 */

/** Who changes a feed. */
export interface Author {
  readonly name: string;
  readonly kind: 'session' | 'token';
  /** RFC 3339. */
  readonly at: string;
}

/** A revision as stored. */
export interface StoredRevision extends Revision {
  readonly kind: 'session' | 'token';
  /** With secrets as `{stored: fingerprint}` or `{file: …}`. */
  readonly document: Document;
  /** Digest of feeds.d/NAME.yaml that belongs to it; null: removed. */
  readonly yaml: string | null;
  /** Of a removal: directory of the tables that go once it can no longer be undone; absent: they stay. */
  readonly tables?: string;
}

/** A managed feed as it stands. */
export interface ManagedFeed {
  readonly revision: StoredRevision;
  readonly document: Document;
  readonly etag: string;
}

/** What a save puts in place. */
export interface Save {
  readonly name: string;
  /** The document as it is to be read again: secrets as `{stored: fingerprint}` or `{file: …}`. */
  readonly document: Document;
  /** Texts of new secrets by key. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Absolute paths of `{file: …}` secrets and of paths that were given relative to a root, by key. */
  readonly paths: ReadonlyMap<string, string>;
  readonly author: Author;
  readonly action: Revision['action'];
}

export interface DraftFile {
  readonly name: string;
  readonly by: string;
  readonly at: string;
  readonly waitingFor: string | null;
  readonly document: JsonValue;
}

/** Removed feeds can be restored, with their secrets, for so long. */
export const RESTORABLE_MS = 30 * 24 * 60 * 60_000;

export interface FeedStore {
  /** Names of the feeds that are in place. */
  names(): Promise<readonly string[]>;
  /** Undefined: there is none of that name in place. */
  find(name: string): Promise<ManagedFeed | undefined>;
  /** Removed feeds that can be restored. */
  removed(): Promise<readonly StoredRevision[]>;
  /** All revisions, newest first. */
  revisions(name: string): Promise<readonly StoredRevision[]>;
  /** The YAML that a save would put in place, without putting anything in place. */
  yamlOf(document: Document, name: string, paths: ReadonlyMap<string, string>): string;
  /** @returns the feed in place. A crash leaves the feed as it was, or as it is to be. */
  save(save: Save): Promise<ManagedFeed>;
  /** @param tables absolute directory that goes once the removal can no longer be undone; undefined: nothing goes */
  remove(name: string, author: Author, tables: string | undefined): Promise<void>;
  /** Removed feeds that can no longer be restored and whose tables are still to go. */
  expired(): Promise<readonly { readonly name: string; readonly directory: string }[]>;
  /** Notes what became of them. */
  expire(name: string, action: 'deleted' | 'kept'): Promise<void>;
  /** How the stored secrets of a document are shown. */
  shownSecrets(name: string, document: Document): Promise<Readonly<Record<string, StoredSecret>>>;
  /** Text of a stored secret; undefined: it is not there. */
  secret(name: string, key: string, fingerprint: string): Promise<string | undefined>;
  draft(name: string): Promise<DraftFile | undefined>;
  drafts(): Promise<readonly DraftFile[]>;
  putDraft(draft: DraftFile): Promise<void>;
  /** False: there was none. */
  deleteDraft(name: string): Promise<boolean>;
  /** Removes secrets that nothing names any more, and what a crash left. */
  sweep(): Promise<void>;
}

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!$)){0,63}$/;

/** A name that can be a feed's and so a file's. */
export function isFeedName(name: string): boolean {
  return NAME.test(name);
}

/**
 * @param directory `console.directory`, absolute
 * @param now epoch milliseconds
 */
export function openFeedStore(directory: string, now: () => number): FeedStore {
  const feeds = join(directory, MANAGED_FEEDS);
  const historyOf = (name: string) => join(directory, 'history', name);
  const secretsOf = (name: string) => join(directory, 'secrets', name);
  const secretFile = (name: string, key: string, fingerprint: string) =>
    join(secretsOf(name), `${key}.${fingerprint.replace('sha256:', '')}`);
  const yamlFile = (name: string) => join(feeds, `${name}.yaml`);
  const draftFile = (name: string) => join(directory, 'drafts', `${name}.json`);

  const yamlOf: FeedStore['yamlOf'] = (document, name, paths) => {
    let written = document;
    for (const [path, absolute] of paths) {
      const segments = path.split('.');
      const isSecret = SECRET_KEYS.some((key) => key.path === path);
      written = withValue(written, segments, isSecret ? { file: absolute } : absolute);
    }
    for (const { path, segments } of SECRET_KEYS) {
      const fingerprint = storedFingerprint(valueAt(written, segments));
      if (fingerprint !== undefined)
        written = withValue(written, segments, { file: secretFile(name, path, fingerprint) });
    }
    return `# Written by the console; changes made there replace those made here.\n${stringify(written, { lineWidth: 0 })}`;
  };
  const revisionsOldestFirst = async (name: string): Promise<StoredRevision[]> => {
    if (!isFeedName(name)) return [];
    const numbers = (await namesIn(historyOf(name)))
      .flatMap((file) => (/^\d+\.json$/.test(file) ? [Number.parseInt(file, 10)] : []))
      .sort((one, other) => one - other);
    const found = await Promise.all(
      numbers.map((number) => readStored<StoredRevision>(join(historyOf(name), `${number}.json`), isRevision)),
    );
    return found.filter((revision) => revision !== undefined);
  };
  const currentYaml = async (name: string): Promise<string | undefined> => {
    if (!isFeedName(name)) return undefined;
    try {
      return await readFile(yamlFile(name), 'utf8');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };
  const find = async (name: string): Promise<ManagedFeed | undefined> => {
    const yaml = await currentYaml(name);
    if (yaml === undefined) return undefined;
    const digest = digestOf(yaml);
    const all = await revisionsOldestFirst(name);
    // A revision whose YAML is not in place was being saved when the process ended; a file changed by hand has none.
    const revision = all.findLast((one) => one.yaml === digest) ?? all.findLast((one) => one.yaml !== null);
    if (revision === undefined) return undefined;
    const { document } = revision;
    return { revision, document, etag: revision.yaml === digest ? etagOf(document) : `"${digest.slice(0, 32)}"` };
  };
  const record = async (revision: Omit<StoredRevision, 'number'>, name: string): Promise<StoredRevision> => {
    await makeDirectory(historyOf(name));
    const last = (await revisionsOldestFirst(name)).at(-1)?.number ?? 0;
    const stored = { ...revision, number: last + 1 };
    await replaceFile(join(historyOf(name), `${stored.number}.json`), `${JSON.stringify(stored)}\n`);
    return stored;
  };
  /** Removals of feeds that are not in place, and whether anything was recorded since. */
  const removals = async (): Promise<{ removal: StoredRevision; isLast: boolean }[]> => {
    const names = await namesIn(join(directory, 'history'));
    const gone = await Promise.all(
      names.map(async (name) => {
        if (await exists(yamlFile(name))) return undefined;
        const all = await revisionsOldestFirst(name);
        // One with YAML was being saved when the process ended: of a restoration, say.
        const removal = all.findLast(({ yaml }) => yaml === null);
        return removal?.action === 'removed' ? { removal, isLast: removal === all.at(-1) } : undefined;
      }),
    );
    return gone.filter((found) => found !== undefined);
  };
  const isRestorable = ({ at }: StoredRevision) => now() < Date.parse(at) + RESTORABLE_MS;
  const removedRevisions = async () => (await removals()).map(({ removal }) => removal).filter(isRestorable);

  return {
    async names() {
      return (await namesIn(feeds)).filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -5));
    },
    find,
    removed: removedRevisions,
    revisions: async (name) => (await revisionsOldestFirst(name)).reverse(),
    yamlOf,
    async save({ name, document, secrets, paths, author, action }) {
      await makeDirectory(feeds);
      for (const [key, text] of secrets) {
        const path = secretFile(name, key, fingerprintOf(text));
        await makeDirectory(secretsOf(name));
        if (!(await exists(path))) {
          await replaceFile(path, text);
        }
      }
      const before = await find(name);
      const yaml = yamlOf(document, name, paths);
      const revision = await record(
        {
          etag: etagOf(document),
          by: author.name,
          kind: author.kind,
          at: author.at,
          action,
          changes: changesBetween(before?.document ?? {}, document),
          document,
          yaml: digestOf(yaml),
        },
        name,
      );
      await replaceFile(yamlFile(name), yaml);
      return { revision, document, etag: etagOf(document) };
    },
    async remove(name, author, tables) {
      const before = await find(name);
      await record(
        {
          etag: '',
          by: author.name,
          kind: author.kind,
          at: author.at,
          action: 'removed',
          changes: [],
          document: before?.document ?? { name },
          yaml: null,
          ...(tables === undefined ? {} : { tables }),
        },
        name,
      );
      await rm(yamlFile(name), { force: true });
      await syncDirectory(feeds);
    },
    async expired() {
      // What was removed, came back and then lost its file by other means keeps its tables.
      return (await removals()).flatMap(({ removal, isLast }) =>
        !isLast || removal.tables === undefined || isRestorable(removal)
          ? []
          : [{ name: String(removal.document.name), directory: removal.tables }],
      );
    },
    async expire(name, action) {
      const at = new Date(now()).toISOString();
      const unattended = { etag: '', by: 'the console', kind: 'session', changes: [], yaml: null } as const;
      await record({ ...unattended, at, action, document: { name } }, name);
    },
    async shownSecrets(name, document) {
      const shown: Record<string, StoredSecret> = {};
      const revisions = await revisionsOldestFirst(name);
      for (const { path, segments } of SECRET_KEYS) {
        const fingerprint = storedFingerprint(valueAt(document, segments));
        if (fingerprint === undefined) continue;
        const since = revisions.find((one) => storedFingerprint(valueAt(one.document, segments)) === fingerprint);
        const text = await readSecret(secretFile(name, path, fingerprint));
        shown[path] = {
          stored: fingerprint,
          lastFour: text === undefined ? null : lastFour(text),
          since: since?.at ?? new Date(now()).toISOString(),
        };
      }
      return shown;
    },
    secret: (name, key, fingerprint) => readSecret(secretFile(name, key, fingerprint)),
    draft: (name) => readStored<DraftFile>(draftFile(name), isObject),
    async drafts() {
      const files = (await namesIn(join(directory, 'drafts'))).filter((file) => file.endsWith('.json'));
      const found = await Promise.all(
        files.map((file) => readStored<DraftFile>(join(directory, 'drafts', file), isObject)),
      );
      return found.filter((draft) => draft !== undefined);
    },
    async putDraft(draft) {
      await makeDirectory(join(directory, 'drafts'));
      await replaceFile(draftFile(draft.name), `${JSON.stringify(draft)}\n`);
    },
    async deleteDraft(name) {
      if (!(await exists(draftFile(name)))) return false;
      await rm(draftFile(name), { force: true });
      await syncDirectory(join(directory, 'drafts'));
      return true;
    },
    async sweep() {
      const restorable = new Map((await removedRevisions()).map((one) => [String(one.document.name), one.document]));
      for (const name of await namesIn(join(directory, 'secrets'))) {
        const document = (await find(name))?.document ?? restorable.get(name);
        const named = new Set(
          SECRET_KEYS.flatMap(({ path, segments }) => {
            const fingerprint = document && storedFingerprint(valueAt(document, segments));
            return fingerprint === undefined ? [] : [secretFile(name, path, fingerprint)];
          }),
        );
        for (const file of await namesIn(secretsOf(name))) {
          const path = join(secretsOf(name), file);
          if (!named.has(path)) await rm(path, { force: true });
        }
      }
    },
  };
}

/** The fingerprint of `{stored: "sha256:…"}`; undefined: it is something else. */
export function storedFingerprint(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { stored } = value;
  return typeof stored === 'string' && /^sha256:[0-9a-f]{16}$/.test(stored) ? stored : undefined;
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isRevision(value: JsonValue): boolean {
  return (
    isObject(value) && typeof value.number === 'number' && typeof value.action === 'string' && isObject(value.document)
  );
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
