import { classNameOf } from '../../../../schemas/ocsf-target.js';
import { CollectorError } from '../../../errors.js';
import type { KafkaSettings, OwnTopic } from '../client/settings.js';

/** What a topic is for; decides how it is created and what it must be. */
export type TopicUse = 'events' | 'dead_letters' | 'raw' | 'entities' | 'state';

export interface Topic {
  readonly name: string;
  readonly use: TopicUse;
}

const LEGAL_NAME = /^[A-Za-z0-9._-]{1,249}$/;

/** Topic of a class: `<prefix><class name>`, e.g. `ocsf.authentication`, unless the settings name another. */
export function topicOfClass(settings: KafkaSettings, classUid: number): string {
  const name = classNameOf(settings.target, classUid) ?? `class_${classUid}`;
  return settings.topics.names[name] ?? settings.topicPrefix + name;
}

/** Topic of dead letters (`ocsf.dead_letters`), raw records (`ocsf.raw`), entities (`ocsf.entities`) or state (`ocsf.state.<feed>`). */
export function ownTopic(settings: KafkaSettings, use: OwnTopic): string {
  return settings.topics.names[use] ?? settings.topicPrefix + (use === 'state' ? `state.${settings.feed}` : use);
}

/** The topic of entities, compacted: made with the first batch that has some. */
export function entityTopic(settings: KafkaSettings): Topic {
  return { name: ownTopic(settings, 'entities'), use: 'entities' };
}

/**
 * Every topic that a feed needs from its first start on.
 * @throws CollectorError CONFIG_INVALID for a name that Kafka does not take, or one topic with two uses
 */
export function topicsOf(settings: KafkaSettings): Topic[] {
  const classes = settings.classes ?? Object.values(settings.target.classes).map(({ uid }) => uid);
  const uses = new Map<string, TopicUse>();
  const add = (name: string, use: TopicUse) => {
    if (!LEGAL_NAME.test(name) || name === '.' || name === '..') {
      throw badName(`${name} is no name of a topic`, 'Use up to 249 letters, digits, dots, dashes and underscores.');
    }
    if ((uses.get(name) ?? use) !== use) throw badName(`${name} has two uses`, 'Give each use a topic of its own.');
    uses.set(name, use);
  };
  for (const classUid of classes) add(topicOfClass(settings, classUid), 'events');
  for (const use of ['dead_letters', 'raw', 'state'] as const) add(ownTopic(settings, use), use);
  return [...uses].map(([name, use]) => ({ name, use }));
}

/** Topics of the classes that are not selected: the feed may have delivered to them when they were. */
export function topicsLeftOut(settings: KafkaSettings): string[] {
  const selected = new Set(topicsOf(settings).map(({ name }) => name));
  const all = Object.values(settings.target.classes).map(({ uid }) => topicOfClass(settings, uid));
  return [...new Set(all)].filter((name) => !selected.has(name));
}

function badName(what: string, cure: string): CollectorError {
  return new CollectorError('CONFIG_INVALID', `kafka.topics.names or kafka.topicPrefix: ${what}.`, { cure });
}

/** How a topic is created where it is missing. */
export interface TopicPlan extends Topic {
  readonly partitions: number;
  readonly replication: number;
  readonly configs: Readonly<Record<string, string>>;
}

const DAY_MS = String(24 * 60 * 60 * 1000);
/** A consumer that rebuilds the directory reads a removal for this long after compaction took the entity. */
export const TOMBSTONES_MS = String(7 * 24 * 60 * 60 * 1000);

/** Retention of events is the operator's: the brokers' default. Only what correctness needs is set. */
export function planTopic(settings: KafkaSettings, topic: Topic, brokers: number): TopicPlan {
  const replication = settings.topics.replication ?? Math.min(3, brokers);
  const durable: Record<string, string> = replication >= 3 ? { 'min.insync.replicas': '2' } : {};
  if (topic.use !== 'state') {
    const partitions = topic.use === 'dead_letters' ? 1 : settings.topics.partitions;
    const cleanup: Record<string, string> =
      topic.use === 'entities'
        ? { 'cleanup.policy': 'compact', 'delete.retention.ms': TOMBSTONES_MS }
        : { 'cleanup.policy': 'delete' };
    return { ...topic, partitions, replication, configs: { ...durable, ...cleanup } };
  }
  const compaction = { 'cleanup.policy': 'compact', 'max.compaction.lag.ms': DAY_MS, 'segment.ms': DAY_MS };
  const others = { 'segment.bytes': '16777216', 'compression.type': 'producer' };
  return { ...topic, partitions: 1, replication, configs: { ...durable, ...compaction, ...others } };
}

/** The command of Kafka's own tools that creates a topic as planned. */
export function createCommand(plan: TopicPlan, brokers: readonly string[]): string {
  const configs = Object.entries(plan.configs).map(([name, value]) => ` --config ${name}=${value}`);
  const size = `--partitions ${plan.partitions} --replication-factor ${plan.replication}`;
  return `kafka-topics.sh --bootstrap-server ${brokers.join(',')} --create --topic ${plan.name} ${size}${configs.join('')}`;
}

/** The command of Kafka's own tools that gives a topic that is there a setting. */
export function alterCommand(topic: string, config: string, brokers: readonly string[]): string {
  return `kafka-configs.sh --bootstrap-server ${brokers.join(',')} --alter --entity-type topics --entity-name ${topic} --add-config ${config}`;
}
