import { assemble } from '../assemble.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { asCollectorError, exitCodes } from '../errors.js';
import { runFeed } from '../feed.js';
import type { Client } from '../jumpcloud/client.js';
import type { ClientObserver } from '../jumpcloud/observer.js';
import { systemTiming } from '../jumpcloud/timing.js';
import type { KeyGuard } from '../key-guard.js';
import type { Log, RootLog } from '../log.js';
import { createMetrics, type Metrics } from '../metrics.js';
import { openSink } from '../open-sink.js';
import { allOf, tellClient, tellFeed, tellKeyWarning } from '../tell.js';
import { version } from '../version.js';
import { setUp } from './set-up.js';
import { listenForStop } from './stopping.js';

/** How often JumpCloud is asked how long the key lives. */
const KEY_LIFE_EVERY_MS = 12 * 3_600_000;

/**
 * `run`: every feed of the configuration, for ever or until caught up.
 * @returns the exit code; of several feeds that ended, the gravest
 */
export async function run(flags: Flags, { once }: { once: boolean }): Promise<number> {
  const { config, log } = setUp(flags);
  const metrics = createMetrics({ version });
  const stopping = listenForStop(log, config.shared.shutdown.graceMs);
  const clients: Client[] = [];
  const reload = () => {
    log.info('SIGHUP: reading the credentials again');
    for (const client of clients) client.credential.reload();
  };
  process.on('SIGHUP', reload);
  try {
    const codes = await Promise.all(
      config.feeds.map((feed) => runOne(feed, { log, metrics, once, signal: stopping.signal, clients })),
    );
    return codes.find((code) => code !== exitCodes.done) ?? exitCodes.done;
  } finally {
    process.off('SIGHUP', reload);
    stopping.release();
    await log.close();
  }
}

/** One feed, isolated: what ends it is told, and leaves the others running. */
async function runOne(
  config: FeedConfig,
  around: { log: RootLog; metrics: Metrics; once: boolean; signal: AbortSignal; clients: Client[] },
): Promise<number> {
  const log = around.log.child({ feed: config.name });
  try {
    await collectFeed(config, log, around);
    return exitCodes.done;
  } catch (error) {
    log.failure(error);
    return asCollectorError(error).exitCode;
  }
}

async function collectFeed(
  config: FeedConfig,
  log: Log,
  { metrics, once, signal, clients }: { metrics: Metrics; once: boolean; signal: AbortSignal; clients: Client[] },
): Promise<void> {
  const timing = systemTiming;
  const sink = await openSink(config, log, timing);
  let guard: KeyGuard | undefined;
  let client: Client | undefined;
  const measured = metrics.feed({
    feed: config.name,
    sink: sink.kind,
    now: () => client?.clock.serverNow() ?? timing.now(),
    keyExpires: () => guard?.status()?.life.expiresAt,
    skewMs: () => client?.clock.skewMs(),
  });
  const assembled = assemble(config, {
    sink,
    timing,
    observer: allOf([tellFeed(log), measured.observer]),
    clientObserver: both(tellClient(log), measured.client),
    onKeyWarning: (status, threshold) => tellKeyWarning(log, status, threshold, timing.now()),
  });
  ({ client, guard } = assembled);
  clients.push(client);
  log.info(`collecting ${config.jumpcloud.eventTypes.join(' and ')} activity into ${sink.target}`, {
    sink: sink.kind,
    guarantee: sink.guarantee,
    baseUrl: config.jumpcloud.endpoints.baseUrl,
  });
  const ended = new AbortController();
  const asking = askKeyLife(client, guard, timing.sleep, AbortSignal.any([signal, ended.signal]));
  try {
    await runFeed(assembled.settings, assembled.parts, { once, signal });
  } finally {
    ended.abort();
    await asking;
    client.close();
    await sink.close();
  }
}

/** Keeps the guard's knowledge fresh; a refusal is normal and quiet, the guard then goes by what was declared. */
async function askKeyLife(
  client: Client,
  guard: KeyGuard,
  sleep: (ms: number, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const life = await client.keyLife(signal).catch((error) => ({ kind: 'refused' as const, error }));
    if (life.kind === 'known') guard.told(life);
    await sleep(KEY_LIFE_EVERY_MS, signal);
  }
}

/** One client observer that passes everything on to two. */
function both(first: ClientObserver, second: ClientObserver): ClientObserver {
  const names = new Set([...Object.keys(first), ...Object.keys(second)]) as Set<keyof ClientObserver>;
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      (told: never) => {
        first[name]?.(told);
        second[name]?.(told);
      },
    ]),
  );
}
