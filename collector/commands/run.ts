import { join } from 'node:path';
import type { SharedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { type LoadedConfig, MANAGED_FEEDS } from '../config/load-config.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { RootLog } from '../log/logger.js';
import type { FeedHistory } from '../monitoring/feed-history.js';
import { createMetrics } from '../monitoring/metrics.js';
import { StatusBoard } from '../monitoring/status/board.js';
import { processMemory } from '../pipeline/process-memory.js';
import { FeedSupervisor } from '../runtime/feed-supervisor.js';
import type { ConsoleHost, RunningConsole } from '../runtime/supervisor.js';
import { watchFeedFiles } from '../runtime/watch-feed-files.js';
import { Webhooks } from '../runtime/webhooks.js';
import { startHealth } from '../server/http-server.js';
import { followToken } from '../server/port-token.js';
import { version } from '../version.js';
import { readConfigWithInvalid, setUp } from './load.js';
import { listenForStop } from './shutdown.js';

/**
 * `run`: every feed of the configuration, for ever or until caught up. The console, where it is on, keeps the process when
 * all feeds have ended.
 * @returns the exit code; of several feeds that ended by a failure, that of the first in the configuration
 */
export async function run(flags: Flags, { once }: { once: boolean }): Promise<number> {
  const { config, log } = setUp(flags, readConfigWithInvalid);
  const { http, shutdown, console: consoleConfig } = config.shared;
  const metrics = createMetrics({ version });
  const board = new StatusBoard(version);
  const stopping = listenForStop(log, shutdown.graceMs);
  stopping.signal.addEventListener('abort', () => board.stopping());
  const token = followToken(http.token, log, systemTiming.now);
  const isManaged = consoleConfig.enabled && !once;
  const history = isManaged ? await openHistoryOf(consoleConfig.directory, log) : undefined;
  const webhooks = new Webhooks(async (receiver) => {
    const { startWebhooks } = await import('../server/webhook-listener.js');
    return startWebhooks({ ...config.shared.receiver, receiver, log: log.child({}) });
  });
  stopping.signal.addEventListener('abort', () => webhooks.stop());
  const supervisor = new FeedSupervisor({
    environment: { log, metrics, board, once, webhooks },
    clock: systemTiming,
    config,
    read: () => readConfigWithInvalid(flags),
    onRead: (loaded) => takeOver(loaded, config.shared, log),
    signal: stopping.signal,
    ...(history === undefined ? {} : { history, pauses: join(consoleConfig.directory, 'pauses.json') }),
    staysAlive: isManaged,
  });
  board.supervise(supervisor.supervision);
  const hangUp = () => {
    log.info('SIGHUP: reading the credentials and the configuration again');
    token.reload();
    supervisor.reloadCredentials();
    supervisor.reload().catch((error: unknown) => log.failure(error));
  };
  process.on('SIGHUP', hangUp);
  const health =
    http.enabled && !once
      ? await startHealth({
          ...http,
          token: token.current,
          board,
          metrics,
          log: log.child({}),
          mask: log.mask,
          repairs: (feed) => supervisor.repairs(feed),
        })
      : undefined;
  if (health?.port !== undefined)
    log.info(`health, readiness, metrics and status on http://${http.host}:${health.port}`);
  const ended = new AbortController();
  let console: RunningConsole | undefined;
  try {
    if (isManaged) console = await openConsole({ config, supervisor, board, metrics, log });
    supervisor.begin();
    console?.feedsBegan();
    if (!once)
      void watchFeedFiles(directoriesOf(config.shared), systemTiming, ended.signal, () =>
        supervisor.reload().catch((error: unknown) => log.failure(error)),
      );
    return await supervisor.finished;
  } finally {
    ended.abort();
    supervisor.close();
    process.off('SIGHUP', hangUp);
    stopping.release();
    webhooks.stop();
    await webhooks.taken();
    await console?.close();
    await health?.close();
    await history?.close();
    await log.close();
  }
}

/** Loaded only where there is a console to show it. */
async function openHistoryOf(directory: string, log: RootLog): Promise<FeedHistory> {
  const { openHistory } = await import('../monitoring/feed-history.js');
  return openHistory(join(directory, 'activity'), log, systemTiming);
}

/** Loaded only where it is on: without it nothing of it is in the process. @throws CollectorError STORAGE_FAILED, STATE_CORRUPT */
async function openConsole({
  config,
  ...host
}: Omit<ConsoleHost, 'shared' | 'files' | 'notes'> & { readonly config: LoadedConfig }): Promise<RunningConsole> {
  const { startConsole } = await import('../console/start.js');
  const { shared, notes, file } = config;
  return startConsole({ ...host, shared, notes, files: file === undefined ? [] : [file] });
}

/** Directories of feeds with files of their own. */
function directoriesOf({ feedsDirectory, console }: SharedConfig): string[] {
  const managed = console.enabled ? [join(console.directory, MANAGED_FEEDS)] : [];
  return feedsDirectory === undefined ? managed : [feedsDirectory, ...managed];
}

/** What a configuration that was read again changes of the process itself: the log's level, the memory's budget, and what is masked. */
function takeOver({ secrets, shared }: LoadedConfig, before: SharedConfig, log: RootLog): void {
  for (const secret of secrets) log.redact(secret.reveal());
  log.level = shared.log.level;
  processMemory.resize(shared.memory.budget);
  if (describeListeners(shared) !== describeListeners(before))
    log.warn(
      'http, receiver, console, feeds.directory and shutdown are read at start: restart the process for what has changed there',
    );
}

function describeListeners({ http, receiver, console, feedsDirectory, shutdown }: SharedConfig): string {
  return JSON.stringify({ http, receiver, console, feedsDirectory, shutdown });
}
