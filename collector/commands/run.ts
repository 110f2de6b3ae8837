import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { asCollectorError, exitCodes } from '../errors.js';
import type { Client } from '../jumpcloud/client.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { ClientObserver } from '../jumpcloud/http/observer.js';
import type { KeyExpiryMonitor } from '../key-expiry/monitor.js';
import { followKeyLife } from '../key-expiry/refresh.js';
import type { Log, RootLog } from '../log/logger.js';
import {
  clientLogger,
  combineClientObservers,
  feedLogger,
  logKeyWarning,
  logRepair,
} from '../monitoring/log-observer.js';
import { createMetrics, type Metrics } from '../monitoring/metrics.js';
import { StatusBoard } from '../monitoring/status/board.js';
import { runFeed } from '../pipeline/feed.js';
import { combineObservers } from '../pipeline/observer.js';
import type { LaneObserver } from '../reconcile/observer.js';
import { RepairQueue } from '../reconcile/repair-queue.js';
import { assemble } from '../runtime/assemble.js';
import { openSink } from '../runtime/open-sink.js';
import type { Supervisor } from '../runtime/supervisor.js';
import { startHealth } from '../server/http-server.js';
import { followToken, type PortToken } from '../server/port-token.js';
import type { Sink } from '../sinks/sink.js';
import { version } from '../version.js';
import { readConfig, setUp } from './load.js';
import { listenForStop } from './shutdown.js';

/** The first poll waits at most this long for the key's lifetime from JumpCloud's console. */
const KEY_LIFE_TIMEOUT_MS = 5_000;

/** What the feeds of one process share. */
interface Process {
  readonly log: RootLog;
  readonly metrics: Metrics;
  readonly board: StatusBoard;
  readonly once: boolean;
  readonly signal: AbortSignal;
  /** Clients whose credential a SIGHUP reads again. */
  readonly clients: Set<Client>;
  /** Repair queues by feed name. */
  readonly repairs: Map<string, RepairQueue>;
}

/**
 * `run`: every feed of the configuration, for ever or until caught up.
 * @returns the exit code; of several feeds that ended by a failure, that of the first in the configuration
 */
export async function run(flags: Flags, { once }: { once: boolean }): Promise<number> {
  const { config, log } = setUp(flags);
  const { http, shutdown } = config.shared;
  const metrics = createMetrics({ version });
  const board = new StatusBoard(version);
  const stopping = listenForStop(log, shutdown.graceMs);
  stopping.signal.addEventListener('abort', () => board.stopping());
  const clients = new Set<Client>();
  const token = followToken(http.token, log, systemTiming.now);
  const reload = () => reloadOnHangUp(flags, log, clients, token);
  process.on('SIGHUP', reload);
  const repairs = new Map<string, RepairQueue>();
  const repairOf: Supervisor['repairs'] = (feed) => repairs.get(feed);
  const health =
    http.enabled && !once
      ? await startHealth({
          ...http,
          token: token.current,
          board,
          metrics,
          log: log.child({}),
          mask: log.mask,
          repairs: repairOf,
        })
      : undefined;
  if (health?.port !== undefined)
    log.info(`health, readiness, metrics and status on http://${http.host}:${health.port}`);
  try {
    const shared = { log, metrics, board, once, signal: stopping.signal, clients, repairs };
    const codes = await Promise.all(config.feeds.map((feed) => runOne(feed, shared)));
    return codes.find((code) => code !== exitCodes.done) ?? exitCodes.done;
  } finally {
    process.off('SIGHUP', reload);
    stopping.release();
    await health?.close();
    await log.close();
  }
}

/** SIGHUP: the credentials are read again, and the log's level follows the configuration. The position is kept. */
function reloadOnHangUp(flags: Flags, log: RootLog, clients: ReadonlySet<Client>, token: PortToken): void {
  log.info('SIGHUP: reading the credentials and the log level again');
  for (const client of clients) client.credential.reload();
  token.reload();
  try {
    const { shared, secrets } = readConfig(flags);
    for (const secret of secrets) log.redact(secret.reveal());
    log.level = shared.log.level;
  } catch (error) {
    log.warn('the configuration has become invalid: the one that was read at start stays in force');
    log.failure(error);
  }
}

/** Runs one feed in isolation: its failure is logged, and the other feeds continue. */
async function runOne(config: FeedConfig, shared: Process): Promise<number> {
  const log = shared.log.child({ feed: config.name });
  try {
    await collectFeed(config, log, shared);
    return exitCodes.done;
  } catch (error) {
    const failure = asCollectorError(error);
    if (failure.code === 'ABORTED') log.info(`${failure.message} The position is kept.`);
    else log.failure(error);
    return failure.exitCode;
  }
}

async function collectFeed(config: FeedConfig, log: Log, shared: Process): Promise<void> {
  const { once, signal, clients } = shared;
  const timing = systemTiming;
  // A second instance stands by until the first one's lease ends; one that is to end by itself does not wait.
  const sink = await openSink(config, log, timing, !once);
  // The observers read from the client and the monitor, which are created with the observers.
  const runtime: { client?: Client; guard?: KeyExpiryMonitor } = {};
  const observers = createObservers(config, sink, log, shared, runtime);
  const { settings, parts, client, guard } = assemble(config, {
    sink,
    timing,
    observer: observers.observer,
    clientObserver: observers.client,
    onKeyWarning: (status, threshold) => logKeyWarning(log, status, threshold, timing.now()),
  });
  Object.assign(runtime, { client, guard });
  const repairs = new RepairQueue(settings, parts, (view) => logRepair(log, view));
  shared.repairs.set(config.name, repairs);
  clients.add(client);
  log.info(`collecting ${config.jumpcloud.eventTypes.join(' and ')} activity into ${sink.target}`, {
    sink: sink.kind,
    guarantee: sink.guarantee,
    baseUrl: config.jumpcloud.endpoints.baseUrl,
  });
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const keyLife = followKeyLife(client, guard, log, timing, either);
  try {
    await Promise.race([keyLife.asked, timing.sleep(KEY_LIFE_TIMEOUT_MS, either)]);
    await runFeed(settings, { ...parts, idleTasks: [...parts.idleTasks, repairs] }, { once, signal });
    log.info(once && !signal.aborted ? 'caught up: everything JumpCloud shows is delivered' : 'stopped');
  } finally {
    ended.abort();
    await keyLife.ended;
    clients.delete(client);
    client.close();
    await sink.close();
  }
}

/** Log, metrics and status of one feed. */
function createObservers(
  config: FeedConfig,
  sink: Sink,
  log: Log,
  { log: root, metrics, board, repairs }: Process,
  runtime: { readonly client?: Client; readonly guard?: KeyExpiryMonitor },
): { observer: LaneObserver; client: ClientObserver } {
  const now = () => runtime.client?.clock.serverNow() ?? Date.now();
  const skewMs = () => runtime.client?.clock.skewMs();
  const key = () => runtime.guard?.status();
  const keyExpires = () => key()?.life.expiresAt;
  const measured = metrics.feed({ feed: config.name, sink: sink.kind, now, keyExpires, skewMs });
  const status = board.feed({
    config,
    sink,
    now,
    key,
    skewMs,
    repair: () => repairs.get(config.name)?.view,
    onReady: (ready) => measured.ready(ready),
    onNoData(silent, since) {
      measured.noData(silent);
      const from = new Date(since).toISOString();
      if (silent) log.warn(`no new record since ${from}: is JumpCloud's activity really that quiet?`);
      else log.info('new records came again');
    },
  });
  const masking: ClientObserver = {
    onKeyChanged: () => {
      for (const secret of runtime.client?.credential.secrets() ?? []) root.redact(secret);
    },
  };
  return {
    observer: combineObservers([feedLogger(log), measured.observer, status.observer]),
    client: combineClientObservers([masking, clientLogger(log), measured.client, status.client]),
  };
}
