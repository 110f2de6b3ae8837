import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { CollectorError } from '../../../errors.js';
import type { LimitOf } from './batching.js';
import type { Connection } from './connection.js';
import { asKafkaFailure } from './error-table.js';
import { createCluster, type LowLevelCluster, type ProducerIdentity } from './kafkajs.js';
import type { OutgoingMessage, Place } from './outgoing-message.js';
import { RecordSender } from './record-sender.js';
import type { KafkaSettings } from './settings.js';
import { TransactionCoordinator } from './transaction-coordinator.js';

const DISCONNECT_MS = 500;

/**
 * Sends a lane's messages. After any rejection it must be discarded and never used again: what was written is unknown, and
 * only a new publisher's `start` starts new sequence numbers and ends what was left open.
 */
export interface Publisher {
  /** Connects; with transactions it fences every other publisher of the transactional id and ends its transaction. */
  start(): Promise<void>;
  /**
   * @param timestamp of every record, epoch milliseconds
   * @returns offset of the first message by `topic/partition`
   * @throws CollectorError
   */
  send(messages: readonly OutgoingMessage[], timestamp: number, limitOf: LimitOf): Promise<ReadonlyMap<string, bigint>>;
  /** Makes all that was sent since the last commit visible at once. @throws CollectorError */
  commit(): Promise<void>;
  /** Closes the connections. Never throws. */
  discard(): Promise<void>;
}

/** A publisher for the settings' delivery. */
export function createPublisher(
  kafka: Kafka,
  connection: Connection,
  settings: KafkaSettings,
  transactionalId: string,
): Publisher {
  const cluster = createCluster(kafka, connection);
  return settings.delivery === 'exactly_once'
    ? new TransactionalPublisher(cluster, settings, transactionalId)
    : new PlainPublisher(cluster, settings);
}

class TransactionalPublisher implements Publisher {
  readonly #cluster: LowLevelCluster;
  readonly #sender: RecordSender;
  readonly #coordinator: TransactionCoordinator;
  readonly #transactionalId: string;
  readonly #transactionTimeout: number;
  #producer: ProducerIdentity | undefined;
  /** Partitions of the open transaction. */
  readonly #added = new Set<string>();
  #discarded = false;

  constructor(cluster: LowLevelCluster, settings: KafkaSettings, transactionalId: string) {
    this.#cluster = cluster;
    this.#sender = new RecordSender(cluster, settings.compression);
    this.#coordinator = new TransactionCoordinator(cluster, transactionalId);
    this.#transactionalId = transactionalId;
    this.#transactionTimeout = settings.transactionTimeout;
  }

  async start(): Promise<void> {
    await connect(this.#cluster);
    try {
      this.#producer = await this.#coordinator.init(this.#transactionTimeout);
    } catch (error) {
      throw noTransactions(error);
    }
  }

  /** Makes all partitions part of the transaction with one request. */
  async #begin(places: Iterable<Place>): Promise<void> {
    const topics = new Map<string, number[]>();
    for (const { topic, partition } of places) {
      const place = `${topic}/${partition}`;
      if (this.#added.has(place)) continue;
      this.#added.add(place);
      topics.set(topic, [...(topics.get(topic) ?? []), partition]);
    }
    if (topics.size === 0) return;
    const added = [...topics].map(([topic, partitions]) => ({ topic, partitions }));
    try {
      await this.#coordinator.add(this.#requireProducer(), added);
    } catch (error) {
      throw asKafkaFailure(error, 'beginning a transaction');
    }
  }

  async send(
    messages: readonly OutgoingMessage[],
    timestamp: number,
    limitOf: LimitOf,
  ): Promise<ReadonlyMap<string, bigint>> {
    // The coordinator may still be ending the last transaction: the time is used.
    const [batches] = await Promise.all([this.#sender.encode(messages, limitOf), this.#begin(messages)]);
    const sending = { transactionalId: this.#transactionalId, producer: this.#requireProducer() };
    try {
      return await this.#sender.send(batches, timestamp, sending);
    } catch (error) {
      throw asKafkaFailure(error, 'sending records');
    }
  }

  async commit(): Promise<void> {
    if (this.#added.size === 0) return;
    try {
      await this.#coordinator.end(this.#requireProducer(), 'commit');
      this.#added.clear();
    } catch (error) {
      throw commitFailure(error);
    }
  }

  discard(): Promise<void> {
    this.#discarded = true;
    return disconnect(this.#cluster);
  }

  #requireProducer(): ProducerIdentity {
    if (this.#producer !== undefined && !this.#discarded) return this.#producer;
    throw unusable();
  }
}

class PlainPublisher implements Publisher {
  readonly #cluster: LowLevelCluster;
  readonly #sender: RecordSender;
  #discarded = false;

  constructor(cluster: LowLevelCluster, settings: KafkaSettings) {
    this.#cluster = cluster;
    this.#sender = new RecordSender(cluster, settings.compression);
  }

  start(): Promise<void> {
    return connect(this.#cluster);
  }

  async send(
    messages: readonly OutgoingMessage[],
    timestamp: number,
    limitOf: LimitOf,
  ): Promise<ReadonlyMap<string, bigint>> {
    const batches = await this.#sender.encode(messages, limitOf);
    if (this.#discarded) throw unusable();
    try {
      return await this.#sender.send(batches, timestamp, undefined);
    } catch (error) {
      throw asKafkaFailure(error, 'sending records');
    }
  }

  async commit(): Promise<void> {
    // Every send was acknowledged by all replicas in sync; the position was the last one.
  }

  discard(): Promise<void> {
    this.#discarded = true;
    return disconnect(this.#cluster);
  }
}

/** Work that outlived its deadline comes here. */
function unusable(): CollectorError {
  return new CollectorError('SINK_IN_DOUBT', 'The publisher was discarded.', {
    cure: 'Nothing: the lane is opened again and goes on from what is committed.',
    transient: true,
  });
}

async function connect(cluster: LowLevelCluster): Promise<void> {
  try {
    await cluster.connect();
  } catch (error) {
    throw asKafkaFailure(error, 'connecting');
  }
}

/** A connection that does not end in time is left to its own time-outs; nothing more is sent over it. */
async function disconnect(cluster: LowLevelCluster): Promise<void> {
  const ended = cluster.disconnect().catch(() => undefined);
  await Promise.race([ended, sleep(DISCONNECT_MS, undefined, { ref: false })]);
}

/** Why transactions cannot be had: a platform without them says so in several ways. */
function noTransactions(error: unknown): CollectorError {
  const failure = asKafkaFailure(error, 'starting transactions');
  const message = `${failure.message} kafka.delivery is exactly_once, which needs transactions.`;
  return new CollectorError(failure.code, message, {
    cure: `${failure.cure} On a platform without transactions set kafka.delivery to at_least_once.`,
    transient: failure.transient,
    ...(failure.detail === undefined ? {} : { detail: failure.detail }),
    cause: error,
  });
}

/** Where the answer to a commit is lost for good only the topic knows whether it took effect. */
function commitFailure(error: unknown): CollectorError {
  const failure = asKafkaFailure(error, 'committing');
  if (failure.code !== 'SINK_UNAVAILABLE') return failure;
  return new CollectorError('SINK_IN_DOUBT', `${failure.message} Whether the transaction was committed is unknown.`, {
    cure: failure.cure,
    transient: true,
    ...(failure.detail === undefined ? {} : { detail: failure.detail }),
    cause: error,
  });
}
