import { requireAcknowledged } from './acknowledgements.js';
import { cutIntoRounds, encodeBatches, type LimitOf, type PartitionBatch } from './batching.js';
import type { LowLevelBroker, LowLevelCluster, ProducerIdentity } from './kafkajs.js';
import type { OutgoingMessage } from './outgoing-message.js';
import { type FinishedBatch, produce } from './produce-request.js';
import { encodeBatch } from './record-batch.js';
import type { KafkaSettings } from './settings.js';

/** Sequence numbers are 31 bits and start over after the last. */
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
 * kafkajs' own producer retries inside a send, and that is what loses and doubles records (decision 0007).
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

  /** Makes messages ready to be sent, as far as that needs no broker. */
  encode(messages: readonly OutgoingMessage[], limitOf: LimitOf): Promise<PartitionBatch[]> {
    return encodeBatches(messages, limitOf, this.#compression);
  }

  /**
   * Round by round, so that a partition's batches arrive in order; in a round all leaders at the same time.
   * @param timestamp of every record, epoch milliseconds
   * @returns the offset of the first record by `topic/partition`
   * @throws whatever kafkajs throws, after all brokers of the round have answered or failed
   */
  async send(
    batches: readonly PartitionBatch[],
    timestamp: number,
    sending: Sending | undefined,
  ): Promise<ReadonlyMap<string, bigint>> {
    const offsets = new Map<string, bigint>();
    for (const round of cutIntoRounds(batches)) {
      for (const [place, offset] of await this.#sendRound(round, timestamp, sending)) {
        if (!offsets.has(place)) offsets.set(place, offset);
      }
    }
    return offsets;
  }

  async #sendRound(
    round: readonly PartitionBatch[],
    timestamp: number,
    sending: Sending | undefined,
  ): Promise<ReadonlyMap<string, bigint>> {
    await this.#cluster.addMultipleTargetTopics([...new Set(round.map(({ topic }) => topic))]);
    await this.#cluster.refreshMetadataIfNecessary();
    const requests = await this.#byLeader(round);
    const answers = await Promise.allSettled(
      requests.map(([broker, batches]) =>
        produce(
          broker,
          batches.map((batch) => this.#finish(batch, timestamp, sending)),
          sending?.transactionalId,
        ),
      ),
    );
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    const acknowledged = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    return requireAcknowledged(round, acknowledged);
  }

  async #byLeader(batches: readonly PartitionBatch[]): Promise<[LowLevelBroker, PartitionBatch[]][]> {
    const byNode = new Map<string, PartitionBatch[]>();
    for (const batch of batches) {
      const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(batch.topic, [batch.partition]));
      if (nodeId === undefined) throw new MissingPartition(batch.topic, batch.partition);
      if (byNode.get(nodeId)?.push(batch) === undefined) byNode.set(nodeId, [batch]);
    }
    // All connections stand before the first record leaves.
    const requests: [LowLevelBroker, PartitionBatch[]][] = [];
    for (const [nodeId, of] of byNode) requests.push([await this.#cluster.findBroker({ nodeId }), of]);
    return requests;
  }

  #finish(
    { topic, partition, records }: PartitionBatch,
    timestamp: number,
    sending: Sending | undefined,
  ): FinishedBatch {
    const inTransaction = sending && {
      producer: sending.producer,
      firstSequence: this.#take(`${topic}/${partition}`, records.count),
    };
    return {
      topic,
      partition,
      bytes: encodeBatch(records, { timestamp, compression: this.#compression, inTransaction }),
    };
  }

  #take(place: string, count: number): number {
    const first = this.#sequences.get(place) ?? 0;
    this.#sequences.set(place, (first + count) % SEQUENCES);
    return first;
  }
}

/** kafkajs drops records of a partition that its metadata does not list; here they are an error. */
class MissingPartition extends Error {
  override readonly name = 'KafkaJSTopicMetadataNotLoaded';

  constructor(topic: string, partition: number) {
    super(`the metadata lists no partition ${partition} of ${topic}`);
  }
}
