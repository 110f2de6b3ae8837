import type { NameOutcome } from '../../mappings/directory-names.js';
import type { ConfiguredFeed } from '../config/configured-feed.js';
import type { FeedConfig } from '../config/feed-config.js';
import { asCollectorError, type CollectorError } from '../errors.js';
import { namesNeedVolume } from '../inventory/names.js';
import type { InventoryObserver } from '../inventory/observer.js';
import type { Client } from '../jumpcloud/client.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { ClientObserver } from '../jumpcloud/http/observer.js';
import type { KeyExpiryMonitor } from '../key-expiry/monitor.js';
import { followKeyLife } from '../key-expiry/refresh.js';
import type { Log, RootLog } from '../log/logger.js';
import { combineInventoryObservers, logInventory, logUnreadableNames } from '../monitoring/inventory-log.js';
import {
  clientLogger,
  combineClientObservers,
  feedLogger,
  logKeyWarning,
  logRepair,
} from '../monitoring/log-observer.js';
import type { Metrics, WebhookMetrics } from '../monitoring/metrics.js';
import type { StatusBoard } from '../monitoring/status/board.js';
import type { FeedStatus } from '../monitoring/status/feed-status.js';
import { runFeed } from '../pipeline/feed.js';
import { combineObservers } from '../pipeline/observer.js';
import { PollRequests } from '../pipeline/poll-requests.js';
import type { LaneObserver } from '../reconcile/observer.js';
import { RepairQueue } from '../reconcile/repair-queue.js';
import type { Sink } from '../sinks/sink.js';
import { assemble } from './assemble.js';
import { followInventory } from './follow-inventory.js';
import { openSink } from './open-sink.js';
import { sameRecords } from './same-records.js';
import type { WebhookFeed } from './webhook-feed.js';
import type { Webhooks } from './webhooks.js';

/** The first poll waits at most this long for the key's lifetime from JumpCloud's console. */
const KEY_LIFE_TIMEOUT_MS = 5_000;

/** What the feeds of one process share. */
export interface FeedEnvironment {
  readonly log: RootLog;
  readonly metrics: Metrics;
  readonly board: StatusBoard;
  /** True: a feed ends when it is caught up. */
  readonly once: boolean;
  /** Where feeds take webhooks. */
  readonly webhooks: Webhooks;
  /** One more observer of a feed; absent: none. */
  readonly observe?: (feed: string) => LaneObserver;
}

/** One run of a feed, from the opening of its sink until that is closed. */
export interface FeedRun {
  /** Resolves when nothing of it is left, to why it ended by itself; undefined: it was stopped, or is caught up. */
  readonly ended: Promise<CollectorError | undefined>;
  /** Undefined before its sink is open. */
  repairs(): RepairQueue | undefined;
  /** Asks for a poll at once. */
  wake(): void;
  /** Takes over what describes the feed. */
  describe(config: FeedConfig): void;
  /** Reads the credential's file again. */
  reloadCredential(): void;
}

/** What is there once the sink is open. */
interface Parts {
  client?: Client;
  guard?: KeyExpiryMonitor;
  repairs?: RepairQueue;
  status?: FeedStatus;
  webhook?: WebhookFeed;
}

/**
 * Runs one feed in isolation: its failure is logged, and nobody else's business.
 * @param onOpen is called when its sink is open
 */
export function startFeedRun(
  { config }: ConfiguredFeed,
  environment: FeedEnvironment,
  signal: AbortSignal,
  onOpen: () => void,
): FeedRun {
  const log = environment.log.child({ feed: config.name });
  const polls = new PollRequests();
  const parts: Parts = {};
  const ended = collectFeed(config, log, environment, { polls, parts, signal, onOpen }).then(
    () => undefined,
    (error: unknown) => {
      const failure = asCollectorError(error);
      if (failure.code !== 'ABORTED') {
        log.failure(error);
        return failure;
      }
      log.info(`${failure.message} The position is kept.`);
      return undefined;
    },
  );
  return {
    ended,
    repairs: () => parts.repairs,
    wake: () => polls.ask(),
    describe: (changed) => parts.status?.describe(changed),
    reloadCredential: () => parts.client?.credential.reload(),
  };
}

interface Run {
  readonly polls: PollRequests;
  readonly parts: Parts;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
}

async function collectFeed(config: FeedConfig, log: Log, environment: FeedEnvironment, run: Run): Promise<void> {
  // A second instance stands by until the first one's lease ends; one that is to end by itself does not wait.
  const sink = await openSink(config, log, systemTiming, !environment.once);
  try {
    await collectInto(sink, config, log, environment, run);
  } finally {
    await sink.close();
  }
}

async function collectInto(
  sink: Sink,
  config: FeedConfig,
  log: Log,
  environment: FeedEnvironment,
  { signal, polls, parts, onOpen }: Run,
): Promise<void> {
  const { once } = environment;
  const timing = systemTiming;
  // The observers read from the client and the monitor, which are created with the observers.
  const observers = createObservers(config, sink, log, environment, parts);
  const assembled = assemble(config, {
    sink,
    timing,
    observer: observers.observer,
    clientObserver: observers.client,
    directoryObserver: observers.directory,
    onName: observers.name,
    onNamesUnreadable: logUnreadableNames(log),
    onKeyWarning: (status, threshold) => logKeyWarning(log, status, threshold, timing.now()),
  });
  const { settings, client, guard } = assembled;
  const repairs = new RepairQueue(settings, assembled.parts, (view) => logRepair(log, view));
  Object.assign(parts, { client, guard, repairs });
  log.info(`collecting ${config.jumpcloud.eventTypes.join(' and ')} activity into ${sink.target}`, {
    sink: sink.kind,
    guarantee: sink.guarantee,
    baseUrl: config.jumpcloud.endpoints.baseUrl,
  });
  if (config.inventory.enrich && !config.inventory.directoryLasts)
    log.warn(namesNeedVolume.message, { cure: namesNeedVolume.cure });
  onOpen();
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const keyLife = followKeyLife(client, guard, log, timing, either);
  const webhook = once ? undefined : followWebhook(config, client, observers, log, environment, parts, either);
  const inventory = once ? undefined : followInventory(config, client, sink, log, timing, observers.inventory, either);
  try {
    await Promise.race([keyLife.asked, timing.sleep(KEY_LIFE_TIMEOUT_MS, either)]);
    const idleTasks = [...assembled.parts.idleTasks, repairs];
    await runFeed(settings, { ...assembled.parts, idleTasks, pollRequests: polls }, { once, signal });
    log.info(once && !signal.aborted ? 'caught up: everything JumpCloud shows is delivered' : 'stopped');
  } finally {
    ended.abort();
    await keyLife.ended;
    await Promise.all([inventory, webhook]);
    client.close();
  }
}

/** Takes and delivers a feed's webhooks until the signal aborts; what was taken until then is delivered. Never rejects. */
async function followWebhook(
  config: FeedConfig,
  { directory, clock: { serverNow } }: Pick<Client, 'directory' | 'clock'>,
  observers: Observers,
  log: Log,
  { webhooks }: FeedEnvironment,
  parts: Parts,
  signal: AbortSignal,
): Promise<void> {
  if (!config.webhook.enabled) return;
  const { webhookFeed } = await import('./webhook-feed.js');
  const { observer } = observers;
  // A sink of its own: a lane's commits wait for nobody else's.
  const sink = await openSink(config, log, systemTiming);
  try {
    const common = { sink, timing: systemTiming, serverNow, observer, directory, log };
    const feed = webhookFeed(config, { ...common, ...observers.webhook() });
    parts.webhook = feed;
    const taken = new AbortController();
    const stop = () => void webhooks.taken().then(() => taken.abort());
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
    await Promise.all([webhooks.add(config.name, feed), feed.run(taken.signal)]);
  } catch (error) {
    log.failure(error, { lane: 'webhook' });
  } finally {
    await sink.close();
  }
}

/** The observers of a feed. */
interface Observers {
  readonly observer: LaneObserver;
  readonly client: ClientObserver;
  readonly directory: ClientObserver;
  readonly webhook: () => WebhookMetrics;
  readonly inventory: InventoryObserver;
  readonly name: (outcome: NameOutcome) => void;
}

/** Log, metrics and status of one feed. */
function createObservers(
  config: FeedConfig,
  sink: Sink,
  log: Log,
  { log: root, metrics, board, observe }: FeedEnvironment,
  parts: Parts,
): Observers {
  const now = () => parts.client?.clock.serverNow() ?? Date.now();
  const skewMs = () => parts.client?.clock.skewMs();
  const key = () => parts.guard?.status();
  const keyExpires = () => key()?.life.expiresAt;
  const measured = metrics.feed({
    feed: config.name,
    sink: sink.kind,
    now,
    keyExpires,
    skewMs,
    upkeep: () => sink.upkeep?.(),
  });
  const status = board.feed({
    config,
    sink,
    now,
    key,
    skewMs,
    repair: () => parts.repairs?.view,
    webhook: () => parts.webhook?.view,
    onReady: (ready) => measured.ready(ready),
    onNoData(silent, since) {
      measured.noData(silent);
      const from = new Date(since).toISOString();
      if (silent) log.warn(`no new record since ${from}: is JumpCloud's activity really that quiet?`);
      else log.info('new records came again');
    },
  });
  parts.status = status;
  const masking: ClientObserver = {
    onKeyChanged: () => {
      for (const secret of parts.client?.secrets() ?? []) root.redact(secret);
    },
  };
  let isShared = false;
  const sharing: LaneObserver = ({ type }) => {
    if (isShared || (type !== 'opened' && type !== 'committed')) return;
    const found = sameRecords(status, board.feeds);
    if (found === undefined) return;
    isShared = true;
    log.warn(found.message, { cure: found.cure });
  };
  const more = observe === undefined ? [] : [observe(config.name)];
  return {
    webhook: () => measured.webhook(),
    name: measured.name,
    inventory: combineInventoryObservers([logInventory(log), measured.inventory, status.inventory]),
    observer: combineObservers([feedLogger(log), measured.observer, status.observer, sharing, ...more]),
    directory: combineClientObservers([masking, clientLogger(log)]),
    client: combineClientObservers([masking, clientLogger(log), measured.client, status.client]),
  };
}
