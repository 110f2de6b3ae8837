import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin } from 'kafkajs';
import { CollectorError } from '../../../errors.js';
import type { KafkaLog } from '../client/connection.js';
import { asKafkaFailure, kafkaErrorRow, nameKafkaError } from '../client/error-table.js';
import type { KafkaSettings } from '../client/settings.js';
import {
  alterCommand,
  createCommand,
  planTopic,
  TOMBSTONES_MS,
  type Topic,
  type TopicPlan,
  topicsOf,
} from './topics.js';

/** What a lane needs to know of a topic. */
export interface TopicFacts {
  readonly partitions: number;
  /** `max.message.bytes`, or Kafka's default where the configuration may not be read. */
  readonly maxMessageBytes: number;
  /** False where DescribeConfigs was refused: the limit is then a guess. */
  readonly limitKnown: boolean;
  /** What works, but not as well as it should, and the command that mends it. */
  readonly weakness?: { readonly message: string; readonly cure: string };
}

/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
const CREATE_TIMEOUT_MS = 15_000;
const PRESENCE_ATTEMPTS = 12;
/** What is read of a topic's configuration. */
const CONFIGS = ['cleanup.policy', 'compression.type', 'delete.retention.ms', 'max.message.bytes'] as const;

/**
 * Makes sure that topics exist and are fit for their use.
 * @param admin connected
 * @throws CollectorError SINK_REFUSED where a topic is missing and may not be created (with the commands that create it),
 *   or where the state topic or that of entities deletes records, or the state topic compresses them as nobody here can read
 */
export async function prepareTopics(
  admin: Admin,
  settings: KafkaSettings,
  topics: readonly Topic[],
  log: KafkaLog,
): Promise<ReadonlyMap<string, TopicFacts>> {
  const missing = await findMissing(admin, settings, topics);
  if (missing.length > 0) await create(admin, settings, missing, log);
  const facts = new Map<string, TopicFacts>();
  for (const topic of topics) {
    const read = await readTopicFacts(admin, settings, topic, log);
    if (read.weakness) log('warn', `topic ${topic.name} ${read.weakness.message} → ${read.weakness.cure}`);
    facts.set(topic.name, read);
  }
  return facts;
}

/** Plans of the topics that are missing. */
export async function findMissing(
  admin: Admin,
  settings: KafkaSettings,
  topics: readonly Topic[] = topicsOf(settings),
): Promise<TopicPlan[]> {
  const present = await Promise.all(topics.map(({ name }) => countPartitions(admin, name)));
  const missing = topics.filter((_, index) => present[index] === undefined);
  if (missing.length === 0) return [];
  const { brokers } = await admin.describeCluster();
  return missing.map((topic) => planTopic(settings, topic, brokers.length));
}

/** A topic that was just created is not known to every broker at once. */
async function untilPresent(admin: Admin, topic: string): Promise<number> {
  for (let attempt = 1; attempt <= PRESENCE_ATTEMPTS; attempt++) {
    const partitions = await countPartitions(admin, topic);
    if (partitions !== undefined && partitions > 0) return partitions;
    await sleep(100 * attempt);
  }
  throw new CollectorError('SINK_UNAVAILABLE', `Topic ${topic} does not appear.`, {
    cure: 'See that the brokers are healthy; delivery then goes on by itself.',
    transient: true,
  });
}

/** A broker takes a moment to lead what the metadata says it leads; until then it refuses records. */
async function untilLed(admin: Admin, topic: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await untilPresent(admin, topic);
      await admin.fetchTopicOffsets(topic);
      return;
    } catch (error) {
      if (attempt >= PRESENCE_ATTEMPTS || kafkaErrorRow(error).code !== 'SINK_UNAVAILABLE') {
        throw asKafkaFailure(error, `waiting for the leaders of ${topic}`);
      }
      await sleep(100 * attempt);
    }
  }
}

/** Undefined: there is no such topic. */
async function countPartitions(admin: Admin, topic: string): Promise<number | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.length;
  } catch (error) {
    if (nameKafkaError(error).names.includes('UNKNOWN_TOPIC_OR_PARTITION')) return undefined;
    throw asKafkaFailure(error, `looking for topic ${topic}`);
  }
}

async function create(admin: Admin, settings: KafkaSettings, missing: TopicPlan[], log: KafkaLog): Promise<void> {
  const names = missing.map(({ name }) => name).join(', ');
  if (settings.topics.create === 'never') throw topicsMissing(settings, missing, 'kafka.topics.create is never');
  try {
    await admin.createTopics({
      timeout: CREATE_TIMEOUT_MS,
      waitForLeaders: false,
      topics: missing.map((plan) => ({
        topic: plan.name,
        numPartitions: plan.partitions,
        replicationFactor: plan.replication,
        configEntries: Object.entries(plan.configs).map(([name, value]) => ({ name, value })),
      })),
    });
    log('info', `created topics ${names}`);
  } catch (error) {
    // Another lane or instance may have been faster with some of them.
    const still = await findMissing(admin, settings, missing);
    const row = kafkaErrorRow(error);
    if (still.length > 0 && row.code === 'SINK_REFUSED') throw topicsMissing(settings, still, row.meaning, error);
    if (still.length > 0) throw asKafkaFailure(error, `creating topics ${names}`);
  }
  for (const { name } of missing) await untilLed(admin, name);
}

/** The refusal that says how to create what is missing. */
function topicsMissing(settings: KafkaSettings, missing: TopicPlan[], why: string, cause?: unknown): CollectorError {
  const commands = missing.map((plan) => createCommand(plan, settings.brokers));
  const names = missing.map(({ name }) => name).join(', ');
  return new CollectorError('SINK_REFUSED', `Kafka topics are missing (${names}) and cannot be created: ${why}.`, {
    cure: `Create them:\n${commands.join('\n')}`,
    transient: true,
    cause,
  });
}

/**
 * A topic's facts; for the state topic also whether it keeps and orders its records, readable, for that of entities whether
 * it keeps them, and removals long enough.
 * @throws CollectorError SINK_REFUSED where it does not keep or order them, or they could not be read
 */
export async function readTopicFacts(
  admin: Admin,
  { brokers, compression }: KafkaSettings,
  { name, use }: Topic,
  log: KafkaLog,
): Promise<TopicFacts> {
  const partitions = await untilPresent(admin, name);
  const configs = await readConfigs(admin, name, log);
  if (use === 'state') {
    requireKept(name, partitions, configs, brokers);
    requireReadable(name, configs, brokers, compression);
  }
  if (use === 'entities') requireCompacted(name, configs, brokers);
  const limit = Number(configs?.get('max.message.bytes') ?? DEFAULT_MAX_MESSAGE_BYTES);
  const weakness = use === 'entities' ? forgottenRemovals(name, configs, brokers) : undefined;
  return { partitions, maxMessageBytes: limit, limitKnown: configs !== undefined, ...(weakness && { weakness }) };
}

/** Undefined where the right to read them is missing. */
async function readConfigs(admin: Admin, name: string, log: KafkaLog): Promise<Map<string, string> | undefined> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: [...CONFIGS] }],
    });
    const entries = resources[0]?.configEntries ?? [];
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  } catch (error) {
    if (kafkaErrorRow(error).code !== 'SINK_REFUSED')
      throw asKafkaFailure(error, `reading the configuration of ${name}`);
    log('warn', `the configuration of topic ${name} may not be read (DescribeConfigs): its limits are guessed`);
    return undefined;
  }
}

type Configs = ReadonlyMap<string, string> | undefined;

/** Entities that do not change are not published again: none may be deleted by age or size. */
function requireCompacted(name: string, configs: Configs, brokers: readonly string[]): void {
  const policy = configs?.get('cleanup.policy') ?? 'compact';
  if (policy === 'compact') return;
  throw new CollectorError('SINK_REFUSED', `Topic ${name} has cleanup.policy=${policy}: entities would be lost.`, {
    cure: alterCommand(name, 'cleanup.policy=compact', brokers),
  });
}

/** A consumer that was away for longer than removals are kept never reads them. */
function forgottenRemovals(name: string, configs: Configs, brokers: readonly string[]): TopicFacts['weakness'] {
  const kept = configs?.get('delete.retention.ms');
  if (kept === undefined || Number(kept) >= Number(TOMBSTONES_MS)) return undefined;
  return {
    message: `has delete.retention.ms=${kept}: a consumer that is away for longer misses removals`,
    cure: alterCommand(name, `delete.retention.ms=${TOMBSTONES_MS}`, brokers),
  };
}

/** A topic's own compression replaces that of the producer, and this program reads gzip, or zstd where it is set to it. */
function requireReadable(
  name: string,
  configs: Configs,
  brokers: readonly string[],
  compression: KafkaSettings['compression'],
): void {
  const type = configs?.get('compression.type') ?? 'producer';
  if (['producer', 'uncompressed', 'gzip', compression].includes(type)) return;
  throw new CollectorError(
    'SINK_REFUSED',
    `State topic ${name} has compression.type=${type}: the position could not be read again.`,
    { cure: alterCommand(name, 'compression.type=producer', brokers) },
  );
}

/** The position must not be deleted by age or size, and its records need one order. */
function requireKept(name: string, partitions: number, configs: Configs, brokers: readonly string[]): void {
  const policy = configs?.get('cleanup.policy') ?? 'compact';
  if (policy.split(',').some((part) => part.trim() === 'delete')) {
    throw new CollectorError(
      'SINK_REFUSED',
      `State topic ${name} has cleanup.policy=${policy}: it would delete the position.`,
      { cure: alterCommand(name, 'cleanup.policy=compact', brokers) },
    );
  }
  if (partitions !== 1) {
    throw new CollectorError(
      'SINK_REFUSED',
      `State topic ${name} has ${partitions} partitions: its order would be lost.`,
      {
        cure: 'Give kafka.topics.names.state a topic of one partition.',
      },
    );
  }
}
