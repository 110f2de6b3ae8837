import type { FeedConfig } from '../../config/feed-config.js';
import { systemTiming } from '../../jumpcloud/http/abort.js';
import type { RootLog } from '../../log/logger.js';
import type { Metrics } from '../../monitoring/metrics.js';
import { isStopped } from '../../response/kill-switch.js';
import { type Verb, verbs } from '../../response/verbs.js';
import { followActingFeeds } from '../../runtime/follow-acting-feeds.js';
import type { SupervisedFeed, Supervisor } from '../../runtime/supervisor.js';
import type { FeedResponse } from '../answers.js';
import { fingerprintOf } from '../feeds/document.js';
import type { FeedStore } from '../feeds/feed-store.js';
import type { Handlers } from '../handler.js';
import type { Jobs } from '../jobs.js';

export interface ResponseParts {
  readonly supervisor: Supervisor;
  readonly store: FeedStore;
  readonly jobs: Jobs;
  readonly log: RootLog;
  readonly metrics: Metrics;
}

type ActionOperation =
  | 'testResponse'
  | 'listActions'
  | 'getAction'
  | 'planAction'
  | 'approveAction'
  | 'runAction'
  | 'undoAction';

/** What acts, and reads the journal of actions. */
export interface ActionHandlers extends Pick<Handlers, ActionOperation> {
  /** Settles by reading what a crash left open. */
  settle(config: FeedConfig): Promise<void>;
}

const SECRET = 'respond.clientSecret';

/** Of what acts nothing is loaded before it is asked for, or before a feed that may act has begun. */
export function responseHandlers(parts: ResponseParts): {
  readonly handlers: Pick<Handlers, ActionOperation | 'listResponse'>;
  /**
   * Settles by reading what a crash left open, and follows the feeds that may act. To be called once the supervisor has
   * begun: before, it lists no feed.
   */
  readonly begin: () => void;
  readonly close: () => Promise<void>;
} {
  const { supervisor, store, log, metrics } = parts;
  let loaded: Promise<ActionHandlers> | undefined;
  const load = () => {
    loaded ??= import('./response-actions.js').then(({ responseActionHandlers }) => responseActionHandlers(parts));
    return loaded;
  };
  const closing = new AbortController();
  let followed = Promise.resolve();
  const begin = () => {
    for (const { configured } of supervisor.list())
      if (configured !== null && configured.config.respond.allow.length > 0)
        load()
          .then((actions) => actions.settle(configured.config))
          .catch((error: unknown) => log.failure(error));
    followed = followActingFeeds(
      () => supervisor.list().flatMap(({ configured }) => configured?.config ?? []),
      async (config, signal) => {
        const own = log.child({ feed: config.name });
        await import('../../runtime/follow-response.js')
          .then(({ followResponse }) => followResponse(config, own, metrics, systemTiming, signal))
          .catch((error: unknown) => log.failure(error));
      },
      systemTiming,
      closing.signal,
    );
  };
  const handlers: ReturnType<typeof responseHandlers>['handlers'] = {
    async listResponse() {
      const feeds = await Promise.all(supervisor.list().map((feed) => responseOf(feed, store)));
      return { json: { feeds: feeds.filter((one) => one !== undefined), verbs } };
    },
    testResponse: async (asked) => (await load()).testResponse(asked),
    listActions: async (asked) => (await load()).listActions(asked),
    getAction: async (asked) => (await load()).getAction(asked),
    planAction: async (asked) => (await load()).planAction(asked),
    approveAction: async (asked) => (await load()).approveAction(asked),
    runAction: async (asked) => (await load()).runAction(asked),
    undoAction: async (asked) => (await load()).undoAction(asked),
  };
  const close = () => {
    closing.abort();
    return followed;
  };
  return { handlers, begin, close };
}

async function responseOf(
  { name, source, configured }: SupervisedFeed,
  store: FeedStore,
): Promise<FeedResponse | undefined> {
  if (configured === null) return undefined;
  const { config } = configured;
  const { clientId, clientSecret, secretExpires, orgId, allow, groups, actionsPerHour } = config.respond;
  const managed = source.kind === 'managed' ? await store.find(name) : undefined;
  const stored = managed && (await store.shownSecrets(name, managed.document))[SECRET];
  return {
    feed: name,
    allow: allow as readonly Verb[],
    groups,
    actionsPerHour,
    account: {
      clientId: clientId ?? null,
      organization: orgId ?? null,
      fingerprint: clientSecret === undefined ? null : fingerprintOf(clientSecret.reveal()),
      kept: clientSecret === undefined ? null : stored ? 'console' : clientSecret.file === undefined ? 'start' : 'file',
      since: stored?.since ?? null,
      ends: typeof secretExpires === 'number' ? new Date(secretExpires).toISOString() : (secretExpires ?? null),
    },
    stopped: await isStopped(config.respond.killSwitch),
    readOnly: source.kind === 'file',
  };
}
