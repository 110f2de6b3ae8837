import type { Clock } from '../clock.js';
import type { FeedConfig } from '../config/feed-config.js';

const EVERY_MS = 60_000;

/**
 * Follows the feeds that may act, each until another configuration of it, or none, is in force; until the signal aborts.
 * @param configured what is in force at the moment
 * @param follow as `followResponse`
 */
export async function followActingFeeds(
  configured: () => readonly FeedConfig[],
  follow: (config: FeedConfig, signal: AbortSignal) => Promise<void>,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  const followed = new Map<FeedConfig, { readonly leave: AbortController; readonly ended: Promise<void> }>();
  const leaveAllBut = async (kept: readonly FeedConfig[]) => {
    const left = [...followed].filter(([config]) => !kept.includes(config));
    for (const [config, { leave }] of left) {
      leave.abort();
      followed.delete(config);
    }
    // Two would set the series of one name.
    await Promise.all(left.map(([, { ended }]) => ended));
  };
  while (!signal.aborted) {
    const acting = configured().filter(
      ({ respond }) => respond.allow.length > 0 && respond.clientId !== undefined && respond.clientSecret !== undefined,
    );
    await leaveAllBut(acting);
    for (const config of acting) {
      if (followed.has(config) || signal.aborted) continue;
      const leave = new AbortController();
      followed.set(config, { leave, ended: follow(config, leave.signal) });
    }
    await clock.sleep(EVERY_MS, signal);
  }
  await leaveAllBut([]);
}
