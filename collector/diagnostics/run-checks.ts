import type { FeedConfig } from '../config/feed-config.js';
import type { Client } from '../jumpcloud/client.js';
import type { KeyLife } from '../jumpcloud/directory/key-life.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { ClientObserver } from '../jumpcloud/http/observer.js';
import type { Log } from '../log/logger.js';
import { clientLogger, combineClientObservers } from '../monitoring/log-observer.js';
import type { FeedSettings } from '../pipeline/dependencies.js';
import type { Cursor } from '../position/cursor.js';
import { INVENTORY_LANE, LIVE_LANE } from '../position/lane-name.js';
import { clientOf, guardOf, settingsOf } from '../runtime/assemble.js';
import { openSink } from '../runtime/open-sink.js';
import { checkInventory } from './check-inventory.js';
import { checkKey } from './check-key.js';
import { checkPosition } from './check-position.js';
import { checkResponse } from './check-response.js';
import { checkSink } from './check-sink.js';
import { checkSource, type SourceAnswers } from './check-source.js';
import { checkWebhook } from './check-webhook.js';
import type { CheckedFeed } from './checked-feed.js';
import { type Finding, findingOf, inOrder, type Report } from './finding.js';

/** Retries and deadlines of a command that a person waits for. */
export const interactiveLimits = {
  retry: { attempts: 2, baseMs: 500, capMs: 2_000, retryAfterCapMs: 2_000 },
  deadlines: { connectMs: 10_000, responseMs: 20_000, requestMs: 30_000 },
} as const;

/** Records per page: enough to include one that names its organization. */
const SAMPLE = 200;

/**
 * Checks everything that a feed needs. Removes what it writes. What it finds is a finding, never an exception.
 * @param found called with each finding as soon as it is known
 */
export async function checkFeed(
  config: FeedConfig,
  log: Log,
  observer: ClientObserver,
  signal: AbortSignal,
  found: (finding: Finding) => void = () => {},
): Promise<CheckedFeed> {
  const findings: Finding[] = [];
  const report: Report = (...more) => {
    findings.push(...more);
    more.forEach(found);
  };
  report(...(await checkSink(config, log)));
  report(...(await checkResponse(config, log, interactiveLimits, signal)));
  const settings = settingsOf(config, { batchSize: 1 });
  const { cursor, inventory, failure } = await storedPosition(config, log);
  // A sink that fails its own checks cannot read the position either: report that failure once.
  if (failure && !findings.some(({ verdict }) => verdict === 'failed')) report(failure);
  const checked = { config, settings, cursor, client: undefined, answers: undefined, keyLife: undefined };
  try {
    const client = clientOf(config, combineClientObservers([clientLogger(log), observer]), systemTiming, {
      ...interactiveLimits,
      pageSize: SAMPLE,
    });
    client.credential.restore(cursor?.extensions.authorization);
    const { answers, keyLife } = await askJumpCloud(client, config, settings, { cursor, inventory }, report, signal);
    return { ...checked, client, answers, keyLife, findings: inOrder(findings) };
  } catch (error) {
    report(findingOf(error, config.name));
    return { ...checked, findings: inOrder(findings) };
  }
}

async function askJumpCloud(
  client: Client,
  config: FeedConfig,
  settings: FeedSettings,
  { cursor, inventory }: StoredCursors,
  report: Report,
  signal: AbortSignal,
): Promise<{ answers: SourceAnswers; keyLife: KeyLife | undefined }> {
  const question = {
    feed: config.name,
    services: settings.services,
    start: (now: number) => (cursor === undefined ? settings.start(now) : cursor.position.watermark),
    counts: config.reconcile.enabled,
  };
  const answers = await checkSource(client, question, report, signal);
  const guard = guardOf(config, client, () => undefined);
  guard.restore(cursor?.extensions.keys);
  let keyLife: KeyLife | undefined;
  try {
    if (answers.services.length > 0) keyLife = await client.keyLife(signal);
  } catch (error) {
    report(findingOf(error, config.name));
  }
  if (keyLife?.kind === 'known') guard.setReportedLifetime(keyLife);
  report(
    // A key that never worked has no first day of use to count its life from.
    ...(answers.services.length > 0 || cursor !== undefined ? checkKey(guard, client, config.name) : []),
    ...checkPosition(cursor, settings, answers.organization, client.clock.serverNow()),
  );
  report(...(await checkWebhook(config, client, signal)));
  report(...(await checkInventory(config, client, inventory, signal)));
  return { answers, keyLife };
}

/** Cursors of the lanes that are looked at. */
interface StoredCursors {
  readonly cursor: Cursor | undefined;
  readonly inventory: Cursor | undefined;
}

async function storedPosition(config: FeedConfig, log: Log): Promise<StoredCursors & { failure: Finding | undefined }> {
  try {
    const sink = await openSink(config, log, systemTiming);
    try {
      const cursor = await sink.peek(LIVE_LANE);
      return { cursor, inventory: await sink.peek(INVENTORY_LANE), failure: undefined };
    } finally {
      await sink.close();
    }
  } catch (error) {
    return { cursor: undefined, inventory: undefined, failure: findingOf(error, config.name) };
  }
}
