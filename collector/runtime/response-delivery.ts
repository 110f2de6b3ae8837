import { hostname } from 'node:os';
import { join } from 'node:path';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { kafkaOf } from '../config/destination.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { PlacedLine } from '../files/hash-chained-journal.js';
import type { Client } from '../jumpcloud/client.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { KeyExpiryMonitor } from '../key-expiry/monitor.js';
import type { Log } from '../log/logger.js';
import { logKeyWarning } from '../monitoring/log-observer.js';
import { RESPONSE_LANE } from '../position/lane-name.js';
import { actionEvents } from '../response/action-event.js';
import { type ActionRecord, applyEntry, entryOf, JOURNAL } from '../response/action-journal.js';
import { guardOf } from './assemble.js';
import { type JournalDelivery, startJournalDelivery } from './journal-delivery.js';
import { taggedAccount } from './tagged-account.js';

/**
 * Delivers the journal of a feed's response as events.
 * @param actions what the journal holds, at least of what was delivered before
 * @param guard of response's credential: its warnings are events too
 */
export function startResponseDelivery(
  config: FeedConfig,
  actions: ReadonlyMap<string, ActionRecord>,
  guard: KeyExpiryMonitor,
  log: Log,
): JournalDelivery {
  const { respond, name: feed, account, jumpcloud } = config;
  const context = {
    feed,
    organization: respond.orgId ?? jumpcloud.orgId,
    host: hostname(),
    clientId: respond.clientId,
    accountName: taggedAccount(account),
  };
  // As far as the current line: an event holds no approval that came later.
  const folded = new Map<string, ActionRecord>();
  const eventsOf = (line: PlacedLine) => {
    const entry = entryOf(line);
    const id = entry.type === 'planned' ? entry.plan.actionId : entry.actionId;
    const known = actions.get(id);
    if (!folded.has(id) && known !== undefined) folded.set(id, known);
    applyEntry(folded, entry);
    return actionEvents(line, folded, context);
  };
  return startJournalDelivery(
    {
      directory: respond.directory,
      name: JOURNAL,
      destination: responseDestination(config),
      lane: RESPONSE_LANE,
      source: `urn:jumpcloud-ocsf:response:${feed}`,
      eventsOf,
      extension: guard,
    },
    systemTiming,
    log,
  );
}

/** The guard of response's client secret; it knows what the position remembers once that was recalled. */
export function responseGuardOf(
  config: FeedConfig,
  client: Pick<Client, 'credential' | 'clock'>,
  log: Log,
): KeyExpiryMonitor {
  const { secretExpires: keyExpires, orgId } = config.respond;
  const jumpcloud = { ...config.jumpcloud, keyCreated: undefined, keyExpires, orgId };
  return guardOf(
    { ...config, jumpcloud },
    client,
    (status, trigger) => logKeyWarning(log, status, trigger, systemTiming.now()),
    true,
  );
}

/** Classes of what response delivers; a warning about its credential is a Detection Finding. */
const delivered = ['account_change', 'group_management', 'remediation_activity', 'detection_finding'] as const;

/**
 * Where the events of response go: the topic `response` of the feed's Kafka, else tables in `respond.directory`. They never
 * stand among what JumpCloud recorded: it records the same changes itself.
 */
function responseDestination(config: FeedConfig): FeedConfig {
  const { respond, tables } = config;
  const kafka = kafkaOf(config);
  if (kafka === undefined)
    return { ...config, sink: 'tables', tables: { ...tables, directory: join(respond.directory, RESPONSE_LANE) } };
  const topic = `${kafka.topicPrefix}${RESPONSE_LANE}`;
  const names = new Map([...kafka.topics.names, ...delivered.map((name) => [name, topic] as const)]);
  return {
    ...config,
    classes: delivered.map((name) => ocsfTarget.classes[name].uid),
    kafka: { ...kafka, topics: { ...kafka.topics, names } },
  };
}
