import { isObject, type JsonValue } from '../../../mappings/json.js';
import type { ConfiguredFeed } from '../../config/configured-feed.js';
import type { Applied, Supervisor } from '../../runtime/supervisor.js';
import { ACTIVITY } from '../activity-delivery.js';
import type { FeedDocument, Job } from '../answers.js';
import { changesBetween, type Document, etagOf, SECRET_KEYS, valueAt, withValue } from '../feeds/document.js';
import {
  type FeedStore,
  isFeedName,
  type ManagedFeed,
  type StoredRevision,
  storedFingerprint,
} from '../feeds/feed-store.js';
import { confirmationFor, type PrepareOptions, prepareFeed } from '../feeds/prepare-feed.js';
import { ownTables } from '../feeds/removed-data.js';
import { type Answer, type Asked, type Handlers, nameOf } from '../handler.js';
import type { Jobs } from '../jobs.js';
import { type Refused, refused } from '../problem.js';

export interface FeedParts {
  readonly supervisor: Supervisor;
  readonly store: FeedStore;
  readonly prepare: PrepareOptions;
  readonly jobs: Jobs;
  /** `console.directory`, absolute. */
  readonly directory: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** One change of the store at a time. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
}

type FeedOperation =
  | 'getFeed'
  | 'putFeed'
  | 'deleteFeed'
  | 'restoreFeed'
  | 'feedRevisions'
  | 'getRevision'
  | 'restoreRevision'
  | 'getDraft'
  | 'putDraft'
  | 'deleteDraft';

/** @throws Refused 404 */
export function noFeed(): Refused {
  return refused(404, 'NO_FEED', 'There is no feed of that name.', 'See the list of feeds.');
}

export function feedHandlers(parts: FeedParts): Pick<Handlers, FeedOperation> {
  const { supervisor, store, exclusive, now } = parts;

  const authorOf = (asked: Asked) => ({
    name: nameOf(asked),
    kind: asked.principal?.kind ?? ('session' as const),
    at: new Date(now()).toISOString(),
  });
  const put = async (
    asked: Asked<unknown>,
    name: string,
    document: Document,
    action: 'changed' | 'restored',
    whole: boolean,
  ): Promise<Answer<FeedDocument>> => {
    asked.audit.target = { type: 'feed', name };
    refuseForeign(supervisor, name);
    const before = await store.find(name);
    judgeMatch(asked, before, whole);
    const candidate = await prepareFeed(name, document, before, parts.prepare);
    const confirmed = asked.query.get('confirm');
    const needed = confirmationFor(supervisor.find(name)?.configured, candidate.configured);
    if (needed !== undefined && confirmed !== needed.confirm)
      throw refused(409, 'CONFIRM', needed.detail, `Send it again with ?confirm=${needed.confirm}.`, {
        confirm: needed.confirm,
      });
    asked.audit.changes = changesBetween(before?.document ?? {}, candidate.document);
    const saved = await store.save({
      name,
      document: candidate.document,
      secrets: candidate.secrets,
      paths: candidate.paths,
      author: authorOf(asked),
      action: before === undefined && action === 'changed' ? 'created' : action,
    });
    asked.audit.details.revision = saved.revision.number;
    await store.deleteDraft(name);
    const applied = await applyChange(supervisor, name);
    await store.sweep();
    return {
      status: before === undefined ? 201 : 200,
      json: saved.document as FeedDocument,
      headers: {
        etag: saved.etag,
        'x-applied': applied,
        'x-notes': encodeURIComponent(JSON.stringify(candidate.notes)),
      },
    };
  };

  return {
    async getFeed({ parameters }) {
      const name = parameters.name!;
      const managed = await store.find(name);
      if (managed !== undefined) return { json: managed.document as FeedDocument, headers: { etag: managed.etag } };
      const feed = supervisor.find(name);
      if (feed?.configured == null) throw noFeed();
      const document = documentOf(feed.configured);
      return { json: document, headers: { etag: etagOf(document) } };
    },
    putFeed: (asked) =>
      exclusive(() => put(asked, asked.parameters.name!, asked.body as unknown as Document, 'changed', true)),
    deleteFeed: (asked) =>
      exclusive(async () => {
        const name = asked.parameters.name!;
        asked.audit.target = { type: 'feed', name };
        refuseForeign(supervisor, name);
        const present = await store.find(name);
        if (present === undefined) throw noFeed();
        judgeMatch(asked, present, false);
        const tables = await tablesToGo(asked, name);
        asked.audit.details.tables = tables ?? 'stay';
        await store.remove(name, authorOf(asked), tables);
        const applied = await supervisor.remove(name, `removed by ${nameOf(asked)}`);
        await supervisor.reload();
        if (applied !== 'stopping') return { status: 204 };
        const job: Job = parts.jobs.start(
          { kind: 'remove', feed: name, by: nameOf(asked), message: 'its sink has not let go yet' },
          async (_report, signal) => {
            while (supervisor.find(name) !== undefined && !signal.aborted)
              await new Promise((resolve) => setTimeout(resolve, 250));
          },
        );
        return { status: 202, json: job };
      }),
    restoreFeed: (asked) =>
      exclusive(async () => {
        const name = asked.parameters.name!;
        asked.audit.target = { type: 'feed', name };
        const removed = (await store.removed()).find(({ document }) => document.name === name);
        if (removed === undefined || (await store.find(name)) !== undefined) throw noFeed();
        return putBack(asked, name, removed, undefined);
      }),
    async feedRevisions({ parameters }) {
      const revisions = await store.revisions(parameters.name!);
      if (revisions.length === 0 && supervisor.find(parameters.name!) === undefined) throw noFeed();
      return {
        json: {
          revisions: revisions.map(({ number, etag, by, at, action, changes }) => ({
            number,
            etag,
            by,
            at,
            action,
            changes,
          })),
        },
      };
    },
    async getRevision({ parameters }) {
      return { json: (await revisionOf(parameters)).document as FeedDocument };
    },
    restoreRevision: (asked) =>
      exclusive(async () => {
        const name = asked.parameters.name!;
        const revision = await revisionOf(asked.parameters);
        const before = await store.find(name);
        if (before === undefined) throw noFeed();
        asked.audit.details.restored = revision.number;
        return putBack(asked, name, revision, before);
      }),
    async getDraft({ parameters }) {
      const draft = await store.draft(draftName(parameters.name!));
      if (draft === undefined) throw refused(404, 'NO_DRAFT', 'There is no draft of that name.', 'See the list.');
      return { json: draft };
    },
    async putDraft(asked) {
      const name = draftName(asked.parameters.name!);
      asked.audit.target = { type: 'draft', name };
      const { document, waitingFor = null } = asked.body;
      if (!isObject(document as JsonValue)) throw noFeed();
      const draft = {
        name,
        by: nameOf(asked),
        at: new Date(now()).toISOString(),
        waitingFor,
        document: withoutSecrets(document as Document),
      };
      await store.putDraft(draft);
      return { json: draft };
    },
    async deleteDraft({ parameters, audit }) {
      const name = draftName(parameters.name!);
      audit.target = { type: 'draft', name };
      if (!(await store.deleteDraft(name)))
        throw refused(404, 'NO_DRAFT', 'There is no draft of that name.', 'See the list.');
      return { status: 204 };
    },
  };

  /** Directory of the tables that are to go with a feed; undefined: they stay. @throws Refused where they cannot */
  async function tablesToGo({ query }: Asked, name: string): Promise<string | undefined> {
    const wanted = query.get('tables') ?? 'keep';
    if (wanted === 'keep') return undefined;
    if (wanted !== 'remove') throw refused(422, 'TABLES', 'tables is neither keep nor remove.', 'Send one of them.');
    const own = await ownTables(name, { supervisor, roots: parts.prepare.roots, directory: parts.directory });
    if ('directory' in own) return own.directory;
    throw refused(
      409,
      'TABLES_STAY',
      `What ${name} delivered cannot go with it: ${own.refused}.`,
      'Remove the feed alone; the runbook says under "Uninstall" how topics, tables and positions are removed by hand.',
    );
  }

  /** Puts a stored document in force: its secrets are those that are still stored. */
  async function putBack(
    asked: Asked,
    name: string,
    { document }: StoredRevision,
    before: ManagedFeed | undefined,
  ): Promise<Answer<FeedDocument>> {
    let given = document;
    for (const { path, segments } of SECRET_KEYS) {
      const fingerprint = storedFingerprint(valueAt(document, segments));
      if (fingerprint === undefined) continue;
      const text = await store.secret(name, path, fingerprint);
      if (text !== undefined) given = withValue(given, segments, text);
      // The secret of then is gone: that of today, where the address is the same.
      else given = withValue(given, segments, before === undefined ? undefined : valueAt(before.document, segments));
    }
    const answer = await put(asked, name, given, 'restored', false);
    return { ...answer, status: 200 };
  }

  async function revisionOf(parameters: Readonly<Record<string, string>>): Promise<StoredRevision> {
    const revision = (await store.revisions(parameters.name!)).find(
      ({ number }) => String(number) === parameters.number,
    );
    if (revision === undefined)
      throw refused(404, 'NO_REVISION', 'There is no such revision.', 'See the list of revisions.');
    return revision;
  }
}

function draftName(name: string): string {
  if (!isFeedName(name))
    throw refused(404, 'NO_DRAFT', 'That is no name of a feed.', 'Use letters, digits and dashes.');
  return name;
}

/** Feeds of the operator's own files are not changed here, and no name stands for two feeds. */
export function refuseForeign(supervisor: Supervisor, name: string): void {
  if (!isFeedName(name)) throw noFeed();
  if (name.toLowerCase() === ACTIVITY)
    throw refused(409, 'NAME_TAKEN', 'That is the name of the console’s own events.', 'Choose another name.');
  const same = supervisor.list().find((feed) => feed.name.toLowerCase() === name.toLowerCase());
  if (same === undefined) return;
  if (same.source.kind === 'file')
    throw refused(
      409,
      'MANAGED_BY_FILE',
      `The feed ${same.name} stands in ${same.source.where}: it is changed there.`,
      'Edit that file; the collector takes it up by itself. Or give the new feed another name.',
    );
  if (same.name !== name)
    throw refused(409, 'NAME_TAKEN', `There is a feed ${same.name}.`, 'Choose a name that differs in more than case.');
}

/**
 * Applies what is in the files of the feeds now.
 * @throws Refused where that cannot be read: what was saved is taken up when it can
 */
export async function applyChange(supervisor: Supervisor, name: string): Promise<Applied> {
  const { applied, refused: why } = await supervisor.reload();
  if (why === undefined) return applied.get(name) ?? 'unchanged';
  throw refused(
    503,
    'NOT_APPLIED',
    `It is saved, and not in force yet: ${why.message}`,
    `${why.cure} It is taken up by itself then.`,
  );
}

/**
 * A person who saves says what the change is based on: a second save of two editors is refused with who and when.
 * @param whole true: a replacement of the whole document, which needs `If-Match` of a person
 */
function judgeMatch(asked: Asked, before: ManagedFeed | undefined, whole: boolean): void {
  const { ifMatch, ifNoneMatch, principal } = asked;
  const present =
    before === undefined
      ? undefined
      : { present: { by: before.revision.by, at: before.revision.at, etag: before.etag } };
  if (before !== undefined && ifNoneMatch === '*')
    throw refused(412, 'EXISTS', 'There is a feed of that name.', 'Choose another name, or change that feed.', present);
  if (ifMatch === undefined) {
    if (before !== undefined && whole && principal?.kind === 'session')
      throw refused(
        412,
        'STALE',
        'The request does not say which state of the feed it changes.',
        'Read the feed, and send its ETag as If-Match.',
        present,
      );
    return;
  }
  if (ifMatch === '*' ? before !== undefined : before?.etag === ifMatch) return;
  const who = before === undefined ? 'It was removed' : `${before.revision.by} saved it at ${before.revision.at}`;
  throw refused(
    412,
    'STALE',
    `The feed was changed in the meantime. ${who}.`,
    'Load it again and repeat the change; nothing was overwritten.',
    present,
  );
}

/** A feed of a file as a document: what is set for it, secrets left out. */
function documentOf({ settings, config }: ConfiguredFeed): FeedDocument {
  let document: Document = { name: config.name };
  for (const { key, value, origin } of settings.values()) {
    if (key.shared || key.path === 'name' || origin.kind === 'default' || origin.kind === 'derived') continue;
    if (!key.secret) document = withValue(document, key.segments, value);
    else if (isObject(value)) document = withValue(document, key.segments, value);
    else document = withValue(document, key.segments, { stored: true });
  }
  return document as FeedDocument;
}

function withoutSecrets(document: Document): Document {
  let without = document;
  for (const { segments } of SECRET_KEYS) {
    const value = valueAt(without, segments);
    // Whatever is no name of a file may be a secret, in whatever form it was sent.
    const file = value !== undefined && isObject(value) ? value.file : undefined;
    if (value !== undefined) without = withValue(without, segments, typeof file === 'string' ? { file } : undefined);
  }
  return without;
}
