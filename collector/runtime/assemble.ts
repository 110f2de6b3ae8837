import { servicesFor } from '../../mappings/catalogue/index-by-type.js';
import { enrichNames, type FindUser, type NameOutcome } from '../../mappings/directory-names.js';
import type { OcsfEvent } from '../../mappings/event.js';
import { floorToSecond } from '../../mappings/instant.js';
import { type KeyTrigger, keyWarningEvent } from '../../mappings/key-warning.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { findUsers } from '../inventory/names.js';
import type { SecretSource } from '../jumpcloud/auth/secret-source.js';
import { type Client, type ClientOptions, createClient, type DirectoryAccount } from '../jumpcloud/client.js';
import type { Timing } from '../jumpcloud/http/abort.js';
import type { ClientObserver } from '../jumpcloud/http/observer.js';
import { describeBasis, describeLife, nameCredential } from '../key-expiry/lifetime.js';
import { KeyExpiryMonitor, type KeyStatus } from '../key-expiry/monitor.js';
import type { CommitExtension } from '../pipeline/commit-extension.js';
import type { FeedDependencies, FeedSettings } from '../pipeline/dependencies.js';
import type { MemoryBudget } from '../pipeline/memory-budget.js';
import { processMemory } from '../pipeline/process-memory.js';
import { askQuestion } from '../query/ask-question.js';
import type { LaneObserver } from '../reconcile/observer.js';
import type { ReconcileSettings } from '../reconcile/reconcile-state.js';
import { reconciliation } from '../reconcile/reconciliation.js';
import type { Sink } from '../sinks/sink.js';
import { mapper } from '../version.js';
import { QuestionWatch, type WatchSetting } from '../watch/question-watch.js';
import { watchedQuestions } from '../watch/watched-questions.js';
import { inventoryDirectory } from './assemble-inventory.js';
import { taggedAccount } from './tagged-account.js';

/** Seconds of the narrowest closed search while a live lane catches up. */
const SLICE = 6 * 3600;

/** A feed assembled from its configuration: ready to run, no request sent yet. */
export interface Assembled {
  readonly settings: FeedSettings;
  readonly parts: FeedDependencies;
  readonly client: Client;
  readonly guard: KeyExpiryMonitor;
}

/** What a feed needs besides its configuration. */
export interface AssemblyOptions {
  readonly sink: Sink;
  readonly timing: Timing;
  readonly observer: LaneObserver;
  readonly clientObserver: ClientObserver;
  /** Of the service account that reads the directory, where it has its own. */
  readonly directoryObserver?: ClientObserver;
  readonly onKeyWarning: (status: KeyStatus, trigger: KeyTrigger) => void;
  /** Called with the outcome of each name that was looked up in the directory. */
  readonly onName?: (outcome: NameOutcome) => void;
  /** Called with the reason why the names of the directory cannot be read; absent: the feed enriches nothing. */
  readonly onNamesUnreadable?: (reason: string) => void;
  /** Requests in flight at the same time; default 1. */
  readonly concurrency?: number;
  /** Default: that of the process. */
  readonly memory?: MemoryBudget;
}

/** Assembles a feed. @throws CollectorError CREDENTIAL_MISSING where the configuration gives no credential */
export function assemble(config: FeedConfig, options: AssemblyOptions): Assembled {
  const { sink, timing, observer, memory = processMemory } = options;
  const account = accountOf(config.inventory);
  const client = clientOf(config, options.clientObserver, timing, {
    concurrency: options.concurrency,
    directoryAccount: account && { ...account, observer: options.directoryObserver },
  });
  const guard = guardOf(config, client, options.onKeyWarning);
  const settings = settingsOf(config, sink, options.onNamesUnreadable, options.onName);
  const collecting = { source: client, clock: timing, observer, clocks: () => client.clock.reading(), memory };
  const compared = reconciliation(reconcileSettingsOf(config), settings, collecting, observer);
  const watch = watchOf(config, collecting);
  const parts: FeedDependencies = {
    ...collecting,
    sink,
    random: timing.random,
    extensions: [...compared.extensions, headerMemory(client), guard, ...watch],
    idleTasks: [...compared.idleTasks, ...watch],
    credentialChanged: async (signal) => {
      await client.credential.waitForChange(Number.MAX_SAFE_INTEGER, signal);
    },
  };
  return { settings, parts, client, guard };
}

/** The most rows of a watched question: they are remembered in the position. */
const MOST_WATCHED_ROWS = 1000;

/** What watches the feed's questions; nothing where it watches none. @throws CollectorError CONFIG_INVALID */
function watchOf(
  config: FeedConfig,
  { clock, clocks, observer }: Pick<FeedDependencies, 'clock' | 'clocks' | 'observer'>,
): QuestionWatch[] {
  const questions = watchedQuestions(config);
  if (questions.length === 0) return [];
  const { intervalMs, limits } = config.questions;
  const { directory } = config.tables;
  const ask: WatchSetting['ask'] = (asked, account, now, signal) =>
    askQuestion(asked, { directory, account, limits, mostRows: MOST_WATCHED_ROWS, now }, signal);
  const accountName = taggedAccount(config.account);
  const about = { feed: config.name, accountName, mapper, target: ocsfTarget };
  return [new QuestionWatch({ ...about, questions, intervalMs, clock, clocks, observer, ask })];
}

/**
 * The guard of a feed's key; it knows what the position remembers once that was recalled.
 * @param isOfResponse the credential is that of response, whose end stops no collecting
 */
export function guardOf(
  { name, jumpcloud, account }: FeedConfig,
  client: Pick<Client, 'credential' | 'clock'>,
  onWarning: AssemblyOptions['onKeyWarning'],
  isOfResponse = false,
): KeyExpiryMonitor {
  const { keyCreated: created, keyExpires: expires, keyLifetimeMs: lifetime } = jumpcloud;
  return new KeyExpiryMonitor({
    key: () => {
      const { configured, ...state } = client.credential.state;
      const ofAccount = isOfResponse ? 'response_secret' : 'client_secret';
      return { ...state, kind: configured === 'service-account' ? ofAccount : 'key' };
    },
    declared: { created, expires, lifetime },
    clocks: () => client.clock.reading(),
    event: (status, { organization, ...warning }) =>
      keyWarningEvent(
        {
          ...warning,
          fingerprint: status.fingerprint,
          lastFour: status.lastFour,
          credential: nameCredential(status),
          feed: name,
          organization: organization ?? jumpcloud.orgId,
          expiresAt: status.life.expiresAt,
          description: describeLife(status.life, warning.now),
          basis: describeBasis(status.life),
          cure: status.rotation,
          consequence: isOfResponse ? 'Response does nothing' : 'Nothing is collected',
          mapper,
          accountName: taggedAccount(account),
        },
        ocsfTarget,
      ),
    onWarning,
  });
}

/** What a feed collects, from its configuration. @param onNamesUnreadable for who maps with it */
export function settingsOf(
  config: FeedConfig,
  sink: Pick<Sink, 'batchSize'>,
  onNamesUnreadable: (reason: string) => void = () => undefined,
  onName: (outcome: NameOutcome) => void = () => undefined,
): FeedSettings {
  const { poll, jumpcloud } = config;
  return {
    name: config.name,
    baseUrl: jumpcloud.endpoints.baseUrl,
    organization: jumpcloud.orgId,
    families: new Set(jumpcloud.eventTypes),
    services: servicesFor(jumpcloud.eventTypes),
    classes: config.classes && new Set(config.classes),
    start: (now) =>
      poll.start.kind === 'back' ? now - Math.round(poll.start.ms / 1000) : floorToSecond(poll.start.instant),
    interval: poll.intervalMs,
    overlap: Math.round(poll.overlapMs / 1000),
    slice: SLICE,
    rawData: config.rawData,
    mapper,
    target: ocsfTarget,
    accountName: taggedAccount(config.account),
    ...(config.inventory.enrich ? { enrich: enrichment(config, onName, onNamesUnreadable) } : {}),
    batchSize: sink.batchSize,
  };
}

/** Says in events who bears a name that they give without a uid; counts alone where nothing lasts that names could be kept on. */
function enrichment(
  config: FeedConfig,
  onName: (outcome: NameOutcome) => void,
  onUnreadable: (reason: string) => void,
): (event: OcsfEvent) => void {
  const find: FindUser = config.inventory.directoryLasts
    ? findUsers(inventoryDirectory(config), onUnreadable)
    : () => 'no_volume';
  return (event) => {
    for (const outcome of enrichNames(event, find)) onName(outcome);
  };
}

/** How a feed compares what it read with JumpCloud's count; undefined: never. */
function reconcileSettingsOf({ reconcile }: FeedConfig): ReconcileSettings | undefined {
  if (!reconcile.enabled) return undefined;
  return {
    interval: reconcile.intervalMs,
    reach: Math.round(reconcile.reachMs / 1000),
    longInterval: reconcile.longIntervalMs,
    longReach: Math.round(reconcile.longReachMs / 1000),
  };
}

/**
 * The client for a feed's organization and credential.
 * @param changes what one command does otherwise: fewer attempts, another key
 * @throws CollectorError CREDENTIAL_MISSING
 */
export function clientOf(
  config: FeedConfig,
  observer: ClientObserver,
  timing: Timing,
  changes: Partial<ClientOptions> = {},
): Client {
  const { jumpcloud, poll, inventory } = config;
  return createClient({
    region: jumpcloud.endpoints.region,
    baseUrl: jumpcloud.endpoints.baseUrl,
    consoleUrl: jumpcloud.endpoints.consoleUrl,
    tokenUrl: jumpcloud.endpoints.tokenUrl,
    authorization: jumpcloud.authorization,
    headerFallback: !jumpcloud.authorizationGiven,
    secret: changes.secret ?? secretOf(config),
    clientId: jumpcloud.clientId,
    orgId: jumpcloud.orgId,
    pageSize: poll.pageSize,
    requestsPerSecond: poll.requestsPerSecond,
    directoryRequestsPerSecond: inventory.requestsPerSecond,
    // Another credential is asked about for itself: response's, or one that is tried.
    directoryAccount: changes.secret === undefined ? accountOf(inventory) : undefined,
    caFile: jumpcloud.ca,
    observer,
    timing,
    ...changes,
  });
}

/** The service account that reads the directory; undefined: none of its own. */
function accountOf({ clientId, clientSecret }: FeedConfig['inventory']): DirectoryAccount | undefined {
  if (clientId === undefined || clientSecret === undefined) return undefined;
  const { file, place } = clientSecret;
  const where = place ?? 'INVENTORY_CLIENT_SECRET';
  return { clientId, secret: file === undefined ? { value: clientSecret.reveal(), where } : { file, where } };
}

/** Where a feed's key (of a service account: its client secret) comes from. @throws CollectorError CREDENTIAL_MISSING */
export function secretOf({ name, jumpcloud }: FeedConfig): SecretSource {
  const account = jumpcloud.authorization === 'service-account';
  const secret = account ? jumpcloud.clientSecret : jumpcloud.apiKey;
  const variable = account ? 'JUMPCLOUD_CLIENT_SECRET' : 'JUMPCLOUD_API_KEY';
  if (secret === undefined) {
    throw new CollectorError('CREDENTIAL_MISSING', `Feed ${name} has no credential.`, {
      cure: `Set ${variable}, or ${variable}_FILE to a file that holds nothing else; an administrator makes a key in the JumpCloud admin portal under "My API Key". To try things without one: \`jumpcloud-ocsf demo\`.`,
    });
  }
  const { file, place } = secret;
  return file === undefined
    ? { value: secret.reveal(), where: place ?? variable }
    : { file, ...(place === undefined ? {} : { where: place }) };
}

/** Which header JumpCloud took for which key, remembered with the position (decision 0004). */
function headerMemory(client: Client): CommitExtension {
  return {
    key: 'authorization',
    restore: (stored) => client.credential.restore(stored),
    beforeCommit: () => ({ state: client.credential.remember() }),
  };
}
