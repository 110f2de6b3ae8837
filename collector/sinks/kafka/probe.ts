import type { Admin } from 'kafkajs';
import type { SinkFinding } from '../sink.js';
import { asKafkaFailure } from './client/error-table.js';
import { grant, isRightMissing, type Right } from './client/missing-acl.js';
import type { KafkaSettings } from './client/settings.js';
import { withReader } from './client/with-reader.js';
import { type HeldId, holdingId, proveFencing } from './fencing.js';
import { type LaneContext, transactionalIdOf } from './lane-context.js';
import { proveReading } from './prove.js';
import { findMissing, readTopicFacts } from './topics/topic-setup.js';
import { createCommand, entityTopic, type Topic, topicsOf } from './topics/topics.js';

/**
 * Looks at everything a feed needs of the cluster: brokers, credentials, topics and the rights on each, transactions.
 * Publishes no record; where a right to write is tried, an empty transaction under an id of its own is aborted.
 * Never throws for what the cluster answers.
 */
export async function probe(shared: LaneContext): Promise<SinkFinding[]> {
  const { settings, kafka } = shared;
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    const reached = found('brokers', `reached ${brokers.length} of the cluster through ${settings.brokers.join(',')}`);
    const topics = await probeTopics(admin, settings, shared);
    const present = topics.filter(({ ok, missing }) => ok && !missing).map(({ topic }) => topic);
    const rights = settings.delivery === 'exactly_once' ? await probeTransactions(shared, present) : [notTried()];
    const looked = [...topics.map(({ finding }) => finding), ...(await probeEntities(admin, settings, shared))];
    return [reached, ...looked, ...rights, ...(await probeReading(shared, present))];
  } catch (error) {
    return [failed('brokers', error, 'connecting')];
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

interface ProbedTopic {
  readonly topic: Topic;
  readonly ok: boolean;
  readonly missing: boolean;
  readonly finding: SinkFinding;
}

async function probeTopics(admin: Admin, settings: KafkaSettings, { log }: LaneContext): Promise<ProbedTopic[]> {
  const probed: ProbedTopic[] = [];
  for (const topic of topicsOf(settings)) {
    try {
      const [plan] = await findMissing(admin, settings, [topic]);
      if (plan === undefined) {
        const { partitions } = await readTopicFacts(admin, settings, topic, log);
        const finding = found(topic.name, `${topic.use}: ${partitions} partition${partitions === 1 ? '' : 's'}`);
        probed.push({ topic, ok: true, missing: false, finding });
      } else {
        const command = createCommand(plan, settings.brokers);
        probed.push({ topic, missing: true, ...(await probeCreation(admin, settings, plan, command)) });
      }
    } catch (error) {
      const finding = denied(settings, topic.name, error, 'looking at the topic', RIGHTS);
      probed.push({ topic, ok: false, missing: false, finding });
    }
  }
  return probed;
}

/** The topic of entities comes with the first of them; one that is there already has to be fit for them. */
async function probeEntities(admin: Admin, settings: KafkaSettings, { log }: LaneContext): Promise<SinkFinding[]> {
  const topic = entityTopic(settings);
  try {
    if ((await findMissing(admin, settings, [topic])).length > 0) return [];
    const { weakness } = await readTopicFacts(admin, settings, topic, log);
    if (weakness === undefined) return [found(topic.name, 'entities: removals are kept for a week or longer')];
    return [{ part: partOf(topic.name), verdict: 'warning', ...weakness }];
  } catch (error) {
    // A feed without an inventory needs no rights on it.
    return isRightMissing(error) ? [] : [failed(topic.name, error, 'looking at the topic')];
  }
}

async function probeCreation(
  admin: Admin,
  settings: KafkaSettings,
  plan: Awaited<ReturnType<typeof findMissing>>[number],
  command: string,
): Promise<{ ok: boolean; finding: SinkFinding }> {
  const { name: subject } = plan;
  const refusal = { part: partOf(subject), verdict: 'failed', cure: command } as const;
  if (settings.topics.create === 'never') {
    const message = 'is missing, and kafka.topics.create is never';
    return { ok: false, finding: { ...refusal, message, code: 'SINK_REFUSED' } };
  }
  try {
    const configEntries = Object.entries(plan.configs).map(([name, value]) => ({ name, value }));
    const topic = {
      topic: subject,
      numPartitions: plan.partitions,
      replicationFactor: plan.replication,
      configEntries,
    };
    await admin.createTopics({ validateOnly: true, waitForLeaders: false, topics: [topic] });
    return { ok: true, finding: found(subject, 'is missing; it will be created at the first start') };
  } catch (error) {
    const { message, code } = asKafkaFailure(error, 'trying to create the topic');
    return { ok: false, finding: { ...refusal, message, code } };
  }
}

/** An id that no lane has: taking a lane's own would fence it. */
const ID = 'check';

async function probeTransactions(shared: LaneContext, topics: readonly Topic[]): Promise<SinkFinding[]> {
  const { settings } = shared;
  try {
    return await holdingId(shared, ID, async (held) => {
      const writing: SinkFinding[] = [];
      for (const { name } of topics) writing.push(await probeWriting(held, name, settings));
      return [found('transactions', 'available'), await probeFencing(shared, held), ...writing];
    });
  } catch (error) {
    const finding = failed('transactions', error, 'starting transactions');
    if (isRightMissing(error)) {
      const ids = { kind: 'transactional-id', name: transactionalIdOf(settings, ''), prefixed: true } as const;
      return [{ ...finding, cure: grant(settings, ['Describe', 'Write'], ids) }];
    }
    return [{ ...finding, cure: `${finding.cure} On a platform without transactions: kafka.delivery: at_least_once.` }];
  }
}

async function probeFencing(shared: LaneContext, held: HeldId): Promise<SinkFinding> {
  try {
    await proveFencing(shared, ID, held);
    return found('fencing', 'a second producer with the same transactional id fences the first');
  } catch (error) {
    return failed('fencing', error, 'proving that a second instance is kept out');
  }
}

async function probeWriting(
  { coordinator, producer }: HeldId,
  name: string,
  settings: KafkaSettings,
): Promise<SinkFinding> {
  try {
    await coordinator.add(producer, [{ topic: name, partitions: [0] }]);
    return found(name, 'may be written to');
  } catch (error) {
    return denied(settings, name, error, 'trying the right to write', ['Write']);
  }
}

/** Besides the position, reconciliation reads what was delivered. */
async function probeReading(shared: LaneContext, topics: readonly Topic[]): Promise<SinkFinding[]> {
  return withReader(shared, [], [], async (reader) => {
    const findings: SinkFinding[] = [];
    for (const { name } of topics)
      try {
        await proveReading(reader, name);
        findings.push(found(name, 'may be read'));
      } catch (error) {
        findings.push(denied(shared.settings, name, error, 'trying the right to read', ['Read']));
      }
    return findings;
  });
}

/** All that a feed does with a topic. */
const RIGHTS: readonly Right[] = ['Describe', 'Read', 'Write'];

/** A failure; where a right on the topic is missing, the cure names it. */
function denied(
  settings: KafkaSettings,
  topic: string,
  error: unknown,
  doing: string,
  rights: readonly Right[],
): SinkFinding {
  const finding = failed(topic, error, doing);
  return isRightMissing(error)
    ? { ...finding, cure: grant(settings, rights, { kind: 'topic', name: topic }) }
    : finding;
}

function notTried(): SinkFinding {
  return found('transactions', 'not used (kafka.delivery: at_least_once); rights to write show at the first delivery');
}

/** @param subject `brokers`, `transactions`, or a topic's name */
function partOf(subject: string): string {
  return `kafka ${subject}`;
}

function found(subject: string, message: string): SinkFinding {
  return { part: partOf(subject), verdict: 'ok', message };
}

function failed(subject: string, error: unknown, doing: string): SinkFinding {
  const { message, cure, code } = asKafkaFailure(error, doing);
  return { part: partOf(subject), verdict: 'failed', message, cure, code };
}
