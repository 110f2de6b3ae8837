import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Kafka,
  type Message,
  Partitioners,
  type Producer,
  type ProducerConfig,
  type TopicMessages,
  type Transaction,
} from 'kafkajs';
import { CollectorError } from '../../errors.js';
import { requireAcknowledged } from './acknowledgements.js';
import { compressionType } from './codecs.js';
import { asKafkaFailure } from './error-table.js';
import type { OutgoingMessage } from './messages.js';
import type { KafkaSettings } from './settings.js';

const ACKNOWLEDGE_MS = 15_000;
const DISCONNECT_MS = 500;

/**
 * Sends a lane's messages. After any rejection it must be discarded and never used again: kafkajs then holds wrong
 * sequence numbers, and the next batch of equal length would be swallowed as a duplicate (confirmed on Kafka 4.2,
 * test/kafka/defects.test.ts). Only a new producer's InitProducerId starts them anew, and ends what was left open.
 */
export interface Publisher {
  /** Connects; with transactions it fences every other producer of the transactional id and ends its transaction. */
  start(): Promise<void>;
  /** Offset of the first message by `topic/partition`. @throws CollectorError */
  send(messages: readonly OutgoingMessage[], timestamp: number): Promise<ReadonlyMap<string, bigint>>;
  /** Makes all that was sent since the last commit visible at once. @throws CollectorError */
  commit(): Promise<void>;
  /** Lets go of the connections. Never throws. */
  discard(): Promise<void>;
}

/** A publisher for the settings' delivery. */
export function createPublisher(kafka: Kafka, settings: KafkaSettings, transactionalId: string): Publisher {
  return settings.delivery === 'exactly_once'
    ? new TransactionalPublisher(kafka, settings, transactionalId)
    : new PlainPublisher(kafka, settings);
}

function producerConfig(settings: KafkaSettings): ProducerConfig {
  return {
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
    // Bounded: kafkajs does not cancel the retries of a producer that is disconnected.
    retry: { retries: 5, initialRetryTime: 80, maxRetryTime: 2_000 },
    metadataMaxAge: 60_000,
    transactionTimeout: settings.transactionTimeout,
  };
}

/** Sends through a producer or a transaction and checks the acknowledgements. */
async function sendChecked(
  through: Pick<Producer, 'sendBatch'>,
  settings: KafkaSettings,
  messages: readonly OutgoingMessage[],
  timestamp: number,
): Promise<ReadonlyMap<string, bigint>> {
  try {
    const acknowledged = await through.sendBatch({
      acks: -1,
      timeout: ACKNOWLEDGE_MS,
      compression: compressionType[settings.compression],
      topicMessages: byTopic(messages, String(timestamp)),
    });
    return requireAcknowledged(messages, acknowledged);
  } catch (error) {
    throw asKafkaFailure(error, 'sending records');
  }
}

function byTopic(messages: readonly OutgoingMessage[], timestamp: string): TopicMessages[] {
  const topics = new Map<string, Message[]>();
  for (const { topic, partition, key, value, headers } of messages) {
    const ofTopic = topics.get(topic) ?? [];
    ofTopic.push({ partition, key, value, headers: { ...headers }, timestamp });
    topics.set(topic, ofTopic);
  }
  return [...topics].map(([topic, ofTopic]) => ({ topic, messages: ofTopic }));
}

async function discard(producer: Producer): Promise<void> {
  // A connection that does not end in time is left to its own time-outs; nothing more is sent over it.
  await Promise.race([producer.disconnect().catch(() => undefined), sleep(DISCONNECT_MS, undefined, { ref: false })]);
}

class TransactionalPublisher implements Publisher {
  readonly #producer: Producer;
  readonly #settings: KafkaSettings;
  #transaction: Transaction | undefined;

  constructor(kafka: Kafka, settings: KafkaSettings, transactionalId: string) {
    this.#settings = settings;
    this.#producer = kafka.producer({ ...producerConfig(settings), transactionalId });
  }

  async start(): Promise<void> {
    try {
      await this.#producer.connect();
    } catch (error) {
      throw asKafkaFailure(error, 'connecting');
    }
    try {
      // The first one of a producer sends InitProducerId; `connect` alone fences nobody.
      this.#transaction = await this.#producer.transaction();
    } catch (error) {
      throw noTransactions(error);
    }
  }

  async send(messages: readonly OutgoingMessage[], timestamp: number): Promise<ReadonlyMap<string, bigint>> {
    this.#transaction ??= await this.#producer.transaction();
    return sendChecked(this.#transaction, this.#settings, messages, timestamp);
  }

  async commit(): Promise<void> {
    try {
      await this.#transaction?.commit();
      this.#transaction = undefined;
    } catch (error) {
      throw commitFailure(error);
    }
  }

  discard(): Promise<void> {
    return discard(this.#producer);
  }
}

class PlainPublisher implements Publisher {
  readonly #producer: Producer;
  readonly #settings: KafkaSettings;

  constructor(kafka: Kafka, settings: KafkaSettings) {
    this.#settings = settings;
    this.#producer = kafka.producer(producerConfig(settings));
  }

  async start(): Promise<void> {
    try {
      await this.#producer.connect();
    } catch (error) {
      throw asKafkaFailure(error, 'connecting');
    }
  }

  send(messages: readonly OutgoingMessage[], timestamp: number): Promise<ReadonlyMap<string, bigint>> {
    return sendChecked(this.#producer, this.#settings, messages, timestamp);
  }

  async commit(): Promise<void> {
    // Every send was acknowledged by all replicas in sync; the cursor was the last one.
  }

  discard(): Promise<void> {
    return discard(this.#producer);
  }
}

/** Why transactions cannot be had: a platform without them says so in several ways. */
function noTransactions(error: unknown): CollectorError {
  const failure = asKafkaFailure(error, 'starting transactions');
  if (failure.code === 'SINK_REFUSED' && failure.detail !== '35') return failure;
  return new CollectorError(
    failure.code,
    `${failure.message} kafka.delivery is exactly_once, which needs transactions.`,
    {
      cure: `${failure.cure} On a platform without transactions set kafka.delivery to at_least_once.`,
      transient: failure.transient,
      ...(failure.detail === undefined ? {} : { detail: failure.detail }),
      cause: error,
    },
  );
}

/** EndTxn is not retried by kafkajs: where its answer is lost only the topic knows whether it took effect. */
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
