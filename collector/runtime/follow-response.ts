import type { Clock } from '../clock.js';
import type { FeedConfig } from '../config/feed-config.js';
import { type JournalPosition, journalLinesAfter } from '../files/hash-chained-journal.js';
import type { Client } from '../jumpcloud/client.js';
import { followKeyLife } from '../key-expiry/refresh.js';
import type { Log } from '../log/logger.js';
import type { Metrics } from '../monitoring/metrics.js';
import { type ActionRecord, applyEntry, entryOf, JOURNAL } from '../response/action-journal.js';
import { responseClientOf } from './open-response.js';
import { responseGuardOf, startResponseDelivery } from './response-delivery.js';

const EVERY_MS = 60_000;
/** A warning about the credential is due by the calendar, not by a line of the journal. */
const WARN_EVERY = 60;

/**
 * Looks on at a feed's response until the signal aborts: delivers what commands wrote into the journal, watches the client
 * secret, and shows both as metrics. It executes nothing and takes no lock of response. Never rejects: a feed whose
 * credential is incomplete is logged and left out.
 */
export async function followResponse(
  config: FeedConfig,
  log: Log,
  metrics: Pick<Metrics, 'response'>,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  let client: Client;
  try {
    client = responseClientOf(config, log, {});
  } catch (error) {
    log.failing('response is not watched', error);
    return;
  }
  const guard = responseGuardOf(config, client, log);
  const actions = new Map<string, ActionRecord>();
  const delivery = startResponseDelivery(config, actions, guard, log);
  const series = metrics.response(config.name);
  const keyLife = followKeyLife(client, guard, log, clock, signal);
  let position: JournalPosition | undefined;
  for (let pass = 1; !signal.aborted; pass += 1) {
    try {
      const before = position;
      for await (const line of journalLinesAfter(config.respond.directory, JOURNAL, position)) {
        // A new journal in place of one that was moved away.
        if (position !== undefined && line.position.chain !== position.chain) actions.clear();
        applyEntry(actions, entryOf(line));
        position = line.position;
      }
      log.recovered('journal of response');
      if (position !== before || pass % WARN_EVERY === 0) delivery.wake();
    } catch (error) {
      log.failing('journal of response', error);
      // Where it is broken the delivery fails too, and its metric says so.
      delivery.wake();
    }
    series.set({
      actions: actions.values(),
      secretExpires: guard.status()?.life.expiresAt,
      undelivered: delivery.isFailing(),
    });
    await clock.sleep(EVERY_MS, signal);
  }
  await keyLife.ended;
  await delivery.close();
  client.close();
  series.close();
}
