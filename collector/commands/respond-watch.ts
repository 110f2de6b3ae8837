import type { Flags } from '../config/flags.js';
import { CollectorError, exitCodes } from '../errors.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { createMetrics } from '../monitoring/metrics.js';
import { StatusBoard } from '../monitoring/status/board.js';
import { followResponse } from '../runtime/follow-response.js';
import { startHealth } from '../server/http-server.js';
import { followToken } from '../server/port-token.js';
import { version } from '../version.js';
import { setUp } from './load.js';
import { listenForStop } from './shutdown.js';

/** `respond watch`: delivers the journals of response and watches its credentials until it is stopped; executes nothing. */
export async function watchResponse(flags: Flags): Promise<number> {
  const { config, log } = setUp(flags);
  const { http, shutdown } = config.shared;
  const feeds = config.feeds.filter(({ respond }) => respond.clientId !== undefined);
  if (feeds.length === 0)
    throw new CollectorError('CREDENTIAL_MISSING', 'No feed has a credential of response.', {
      cure: 'Set respond.clientId and RESPOND_CLIENT_SECRET_FILE to those of a service account made for response alone.',
    });
  const metrics = createMetrics({ version, collects: false });
  const stopping = listenForStop(log, shutdown.graceMs);
  const health = http.enabled
    ? await startHealth({
        ...http,
        token: followToken(http.token, log, systemTiming.now).current,
        board: new StatusBoard(version),
        metrics,
        log: log.child({}),
        mask: log.mask,
      })
    : undefined;
  if (health?.port !== undefined) log.info(`health and metrics of response on http://${http.host}:${health.port}`);
  try {
    await Promise.all(
      feeds.map((feed) => followResponse(feed, log.child({ feed: feed.name }), metrics, systemTiming, stopping.signal)),
    );
    return exitCodes.done;
  } finally {
    stopping.release();
    await health?.close();
    await log.close();
  }
}
