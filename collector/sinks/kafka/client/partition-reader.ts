import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { CollectorError } from '../../../errors.js';
import type { Connection } from './connection.js';
import { kafkaErrorRow, nameKafkaError } from './error-table.js';
import { createCluster, type LowLevelBroker, type LowLevelCluster } from './kafkajs.js';

/** A committed record. */
export interface KafkaRecord {
  readonly partition: number;
  readonly offset: bigint;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: a tombstone. */
  readonly value: Buffer | undefined;
}

/** A record as kafkajs decodes it, with what it knows of the batch. */
interface FetchedRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | undefined>>;
  readonly isControlRecord: boolean;
  readonly batchContext: {
    readonly firstOffset: string;
    readonly lastOffsetDelta: number;
    readonly producerId: string;
    readonly inTransaction: boolean;
  };
}

interface FetchedPartition {
  readonly lastStableOffset: string;
  readonly throttled: boolean;
  readonly abortedTransactions: readonly { producerId: string; firstOffset: string }[] | null;
  readonly messages: readonly FetchedRecord[];
}

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const EARLIEST = -2;
const LATEST = -1;
const FETCH_BYTES = 1_048_576;
const FETCH_WAIT_MS = 250;
const ATTEMPTS = 12;

/**
 * Reads partitions without a consumer group, up to an end fixed beforehand. kafkajs' own consumer and admin do not
 * serve: `fetchTopicOffsets().high` is the last stable offset, not the high watermark (confirmed on Kafka 4.2 and 3.9: with
 * a foreign transaction open it hides committed records behind it), and the consumer cannot tell that it has reached the end.
 */
export class PartitionReader {
  readonly #cluster: LowLevelCluster;
  #bytes = 0;

  constructor(kafka: Kafka, connection: Connection) {
    this.#cluster = createCluster(kafka, connection);
  }

  /** Bytes of keys and values read so far. */
  get bytesRead(): number {
    return this.#bytes;
  }

  connect(): Promise<void> {
    return this.#cluster.connect();
  }

  disconnect(): Promise<void> {
    return this.#cluster.disconnect();
  }

  /** Partition numbers of a topic. */
  async partitions(topic: string): Promise<number[]> {
    await this.#cluster.addTargetTopic(topic);
    return this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
  }

  /** As `partitions`; undefined where there is no topic of that name. */
  async partitionsIfThere(topic: string): Promise<number[] | undefined> {
    try {
      return await this.partitions(topic);
    } catch (error) {
      if (nameKafkaError(error).names.includes('UNKNOWN_TOPIC_OR_PARTITION')) return undefined;
      throw error;
    }
  }

  /**
   * First offset of a partition, its last stable offset (where the first open transaction starts) and its true high
   * watermark.
   */
  async bounds(topic: string, partition: number): Promise<{ start: bigint; stable: bigint; end: bigint }> {
    const start = await this.#offsetAt(topic, partition, EARLIEST, READ_UNCOMMITTED);
    const end = await this.#offsetAt(topic, partition, LATEST, READ_UNCOMMITTED);
    return { start, stable: await this.#offsetAt(topic, partition, LATEST, READ_COMMITTED), end };
  }

  /** First offset whose record time is at or after `time` (epoch milliseconds); undefined where there is none. */
  async offsetOfTime(topic: string, partition: number, time: number): Promise<bigint | undefined> {
    const offset = await this.#offsetAt(topic, partition, time, READ_UNCOMMITTED);
    return offset < 0n ? undefined : offset;
  }

  async #offsetAt(topic: string, partition: number, timestamp: number, isolationLevel: 0 | 1): Promise<bigint> {
    const { responses } = await this.#atLeader(topic, partition, (broker) =>
      broker.listOffsets({
        replicaId: -1,
        isolationLevel,
        topics: [{ topic, partitions: [{ partition, timestamp }] }],
      }),
    );
    const offset = responses[0]?.partitions[0]?.offset;
    if (offset === undefined) throw new Error(`ListOffsets answered nothing for ${topic}/${partition}`);
    return BigInt(offset);
  }

  /**
   * Committed records with from ≤ offset < to, in order, without tombstones' loss, control records and aborted ones.
   * Waits for foreign transactions that are open below `to`.
   * @param timeoutMs how long to wait for an open transaction
   * @throws CollectorError SINK_UNAVAILABLE where a transaction stays open longer than that
   */
  async *read(
    topic: string,
    partition: number,
    from: bigint,
    to: bigint,
    timeoutMs: number,
  ): AsyncGenerator<KafkaRecord, void, void> {
    let position = from;
    // Everything before it was seen; `position` may be ahead of it while emptied batches are stepped over.
    let settled = from;
    let waitingSince: number | undefined;
    while (position < to) {
      const fetched = await this.#fetch(topic, partition, position);
      const last = fetched.messages.at(-1);
      const next = last === undefined ? position : endOfBatch(last);
      if (next > position) {
        for (const record of committed(fetched)) {
          const offset = BigInt(record.offset);
          if (offset < settled || offset >= to) continue;
          this.#bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
          yield toRecord(record, partition);
        }
        position = next;
        settled = next;
        waitingSince = undefined;
      } else if (fetched.throttled) {
        // A broker that throttles answers with nothing; kafkajs holds the next request back as long as asked.
      } else if (position < BigInt(fetched.lastStableOffset)) {
        // A batch that compaction has emptied but kept for its producer's sequence: nothing tells how long it is.
        position += 1n;
      } else {
        waitingSince ??= performance.now();
        if (performance.now() - waitingSince > timeoutMs) throw staysOpen(topic, position);
      }
    }
  }

  /** Asks for records at an offset and drops them: shows whether the topic may be read. */
  async peekAt(topic: string, partition: number, offset: bigint): Promise<void> {
    await this.#fetch(topic, partition, offset, 0);
  }

  async #fetch(
    topic: string,
    partition: number,
    position: bigint,
    maxWaitTime = FETCH_WAIT_MS,
  ): Promise<FetchedPartition> {
    const response = await this.#atLeader(topic, partition, (broker) =>
      broker.fetch({
        replicaId: -1,
        isolationLevel: READ_COMMITTED,
        maxWaitTime,
        minBytes: 1,
        maxBytes: FETCH_BYTES,
        topics: [{ topic, partitions: [{ partition, fetchOffset: String(position), maxBytes: FETCH_BYTES }] }],
      }),
    );
    return { ...response.responses[0].partitions[0], throttled: response.clientSideThrottleTime > 0 };
  }

  /** Asks the partition's leader; finds it again while it is moving. */
  async #atLeader<T>(topic: string, partition: number, ask: (broker: LowLevelBroker) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#cluster.addTargetTopic(topic);
        const [leader] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
        if (leader === undefined) throw new Error(`${topic} has no partition ${partition}`);
        return await ask(await this.#cluster.findBroker({ nodeId: leader }));
      } catch (error) {
        const row = kafkaErrorRow(error);
        if (attempt >= ATTEMPTS || row.code !== 'SINK_UNAVAILABLE') throw error;
        await sleep(Math.min(100 * 2 ** attempt, 1_000));
        // A failure here shows again at the next attempt.
        await this.#cluster.refreshMetadata().catch(() => undefined);
      }
    }
  }
}

/**
 * Leaves out control records and aborted transactions. kafkajs' own filter takes the list of aborted transactions as
 * ordered by their first offset; brokers order it by their last, and then interleaved ones slip through.
 */
export function committed(fetched: Pick<FetchedPartition, 'messages' | 'abortedTransactions'>): FetchedRecord[] {
  const waiting = [...(fetched.abortedTransactions ?? [])].sort((a, b) =>
    BigInt(a.firstOffset) < BigInt(b.firstOffset) ? -1 : 1,
  );
  const aborting = new Set<string>();
  return fetched.messages.filter((record) => {
    while (waiting[0] !== undefined && BigInt(waiting[0].firstOffset) <= BigInt(record.offset)) {
      aborting.add(waiting[0].producerId);
      waiting.shift();
    }
    const { producerId, inTransaction } = record.batchContext;
    if (record.isControlRecord) {
      aborting.delete(producerId);
      return false;
    }
    return !(inTransaction && aborting.has(producerId));
  });
}

/** Offset after the batch of a record: compaction may have removed records behind it. */
function endOfBatch({ batchContext }: FetchedRecord): bigint {
  return BigInt(batchContext.firstOffset) + BigInt(batchContext.lastOffsetDelta) + 1n;
}

function toRecord(record: FetchedRecord, partition: number): KafkaRecord {
  const headers = Object.entries(record.headers).map(([name, value]) => [name, value?.toString('utf8') ?? '']);
  return {
    partition,
    offset: BigInt(record.offset),
    timestamp: Number(record.timestamp),
    key: record.key?.toString('utf8'),
    headers: Object.fromEntries(headers),
    value: record.value ?? undefined,
  };
}

function staysOpen(topic: string, position: bigint): CollectorError {
  return new CollectorError('SINK_UNAVAILABLE', `A transaction stays open in ${topic} at offset ${position}.`, {
    cure: 'Wait for its time-out, or end it with `kafka-transactions.sh find-hanging` and `abort`.',
    transient: true,
  });
}
