import type { Message, RecordMetadata } from 'kafkajs';
import { requireAcknowledged } from './acknowledgements.js';
import { compressionType } from './codecs.js';
import type { LowLevelBroker, LowLevelCluster, ProducerIdentity } from './low-level.js';
import type { OutgoingMessage } from './messages.js';
import type { KafkaSettings } from './settings.js';

const ACKNOWLEDGE_MS = 15_000;
/** Sequence numbers are 31 bits and begin anew after the last. */
const SEQUENCES = 2 ** 31;

/** In whose name records are sent: a transaction's producer, or nobody's. */
export interface Sending {
  readonly transactionalId: string;
  readonly producer: ProducerIdentity;
}

/**
 * Sends records to the leaders of their partitions, each once. Nothing is ever sent again: where a send fails it is unknown
 * what was written, and the caller discards the sender with all it knows.
 *
 * kafkajs' own producer retries inside a send, and that is what loses and doubles records (reference: its sendMessages).
 * Confirmed on Kafka 4.2 and 3.9, test/kafka/defects.test.ts:
 * - a leader that moves between the attempts: its records are dropped, or written twice;
 * - one broker refuses while another has not answered yet: the retry sends to the other as well, with new sequence numbers,
 *   and the records are there twice although every partition is acknowledged once. Brokers that wait for replicas are slow
 *   to answer, and a busy transaction coordinator refuses often, so this needs no fault at all;
 * - sequence numbers are taken back after a failure, so the next batch of equal length is swallowed as a duplicate.
 */
export class RecordSender {
  readonly #cluster: LowLevelCluster;
  readonly #compression: KafkaSettings['compression'];
  readonly #sequences = new Map<string, number>();

  constructor(cluster: LowLevelCluster, compression: KafkaSettings['compression']) {
    this.#cluster = cluster;
    this.#compression = compression;
  }

  /**
   * @param timestamp of every record, epoch milliseconds
   * @returns the offset of the first record by `topic/partition`
   * @throws whatever kafkajs throws, after all brokers have answered or failed
   */
  async send(
    messages: readonly OutgoingMessage[],
    timestamp: number,
    sending: Sending | undefined,
  ): Promise<ReadonlyMap<string, bigint>> {
    const partitions = groupByPartition(messages, String(timestamp));
    const topics = [...new Set(partitions.map(({ topic }) => topic))];
    await this.#cluster.addMultipleTargetTopics(topics);
    await this.#cluster.refreshMetadataIfNecessary();
    const requests = await this.#byLeader(partitions);
    const answers = await Promise.allSettled(
      requests.map(([broker, ofBroker]) => this.#produce(broker, ofBroker, sending)),
    );
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    const acknowledged = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    return requireAcknowledged(messages, acknowledged);
  }

  async #byLeader(partitions: readonly PartitionMessages[]): Promise<[LowLevelBroker, PartitionMessages[]][]> {
    const byNode = new Map<string, PartitionMessages[]>();
    for (const of of partitions) {
      const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(of.topic, [of.partition]));
      if (nodeId === undefined) throw new MissingPartition(of.topic, of.partition);
      byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), of]);
    }
    // All connections stand before the first record leaves.
    const requests: [LowLevelBroker, PartitionMessages[]][] = [];
    for (const [nodeId, of] of byNode) requests.push([await this.#cluster.findBroker({ nodeId }), of]);
    return requests;
  }

  async #produce(
    broker: LowLevelBroker,
    partitions: readonly PartitionMessages[],
    sending: Sending | undefined,
  ): Promise<RecordMetadata[]> {
    const topicData = partitions.map(({ topic, partition, messages }) => ({
      topic,
      partitions: [{ partition, messages, firstSequence: this.#take(`${topic}/${partition}`, messages.length) }],
    }));
    const { topics } = await broker.produce({
      acks: -1,
      timeout: ACKNOWLEDGE_MS,
      compression: compressionType[this.#compression],
      topicData,
      ...(sending === undefined
        ? {}
        : {
            transactionalId: sending.transactionalId,
            producerId: sending.producer.producerId,
            producerEpoch: sending.producer.producerEpoch,
          }),
    });
    return topics.flatMap(({ topicName, partitions: of }) => of.map((answer) => ({ topicName, ...answer })));
  }

  #take(place: string, count: number): number {
    const first = this.#sequences.get(place) ?? 0;
    this.#sequences.set(place, (first + count) % SEQUENCES);
    return first;
  }
}

interface PartitionMessages {
  readonly topic: string;
  readonly partition: number;
  readonly messages: Message[];
}

function groupByPartition(messages: readonly OutgoingMessage[], timestamp: string): PartitionMessages[] {
  const places = new Map<string, PartitionMessages>();
  for (const { topic, partition, key, value, headers } of messages) {
    const place = `${topic}/${partition}`;
    const group = places.get(place) ?? { topic, partition, messages: [] };
    group.messages.push({ key, value, headers: { ...headers }, timestamp });
    places.set(place, group);
  }
  return [...places.values()];
}

/** kafkajs drops records of a partition that its metadata does not list; here they are an error. */
class MissingPartition extends Error {
  override readonly name = 'KafkaJSTopicMetadataNotLoaded';

  constructor(topic: string, partition: number) {
    super(`the metadata lists no partition ${partition} of ${topic}`);
  }
}
