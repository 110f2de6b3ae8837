import { createRequire } from 'node:module';
import type { Broker, CompressionTypes, Kafka, Message, RecordMetadata } from 'kafkajs';
import Cluster from 'kafkajs/src/cluster/index.js';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import createSocketFactory from 'kafkajs/src/network/socketFactory.js';
import { CollectorError } from '../../errors.js';
import type { Connection } from './connection.js';

// The only door to what kafkajs does not export. Its files are read by path, so the version is part of the contract.
const KAFKAJS_VERSION = '2.2.4';
const METADATA_MAX_AGE_MS = 60_000;

/** What the coordinator gives a transactional id for: it changes hands with every epoch. */
export interface ProducerIdentity {
  readonly producerId: string;
  readonly producerEpoch: number;
}

/** A connected broker's requests that kafkajs has but its types leave out. Each is one request, never retried here. */
export interface LowLevelBroker extends Omit<Broker, 'produce'> {
  /** `isolationLevel` 0 gives the true high watermark, 1 the last stable offset; `timestamp` -1 the end, -2 the start. */
  listOffsets(request: {
    replicaId: number;
    isolationLevel: 0 | 1;
    topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[];
  }): Promise<{ responses: { partitions: { partition: number; offset: string }[] }[] }>;
  produce(request: {
    acks: -1;
    timeout: number;
    compression: CompressionTypes;
    topicData: {
      topic: string;
      partitions: { partition: number; firstSequence: number; messages: Message[] }[];
    }[];
    transactionalId?: string;
    producerId?: string;
    producerEpoch?: number;
  }): Promise<{ topics: { topicName: string; partitions: Omit<RecordMetadata, 'topicName'>[] }[] }>;
  findGroupCoordinator(of: { groupId: string; coordinatorType: number }): Promise<{ coordinator: { nodeId: number } }>;
  initProducerId(request: { transactionalId: string; transactionTimeout: number }): Promise<ProducerIdentity>;
  addPartitionsToTxn(
    request: TransactionRequest & { topics: { topic: string; partitions: number[] }[] },
  ): Promise<unknown>;
  endTxn(request: TransactionRequest & { transactionResult: boolean }): Promise<unknown>;
}

interface TransactionRequest extends ProducerIdentity {
  readonly transactionalId: string;
}

export type LowLevelCluster = Cluster;

/** @throws CollectorError INTERNAL where another kafkajs than the one this was written against is installed */
export function requireKafkajsVersion(): void {
  const { version } = createRequire(import.meta.url)('kafkajs/package.json') as { version: string };
  if (version === KAFKAJS_VERSION) return;
  throw new CollectorError('INTERNAL', `kafkajs ${version} is installed; this program needs ${KAFKAJS_VERSION}.`, {
    cure: 'Install with the lock file: npm ci.',
  });
}

/** A connection to the cluster below kafkajs' producer, consumer and admin. The caller connects and disconnects it. */
export function createCluster(kafka: Kafka, connection: Connection): LowLevelCluster {
  const { logCreator: _, logLevel: __, socketFactory, ...config } = connection.config;
  return new Cluster({
    ...config,
    brokers: connection.brokers,
    socketFactory: socketFactory ?? createSocketFactory(),
    logger: kafka.logger(),
    allowAutoTopicCreation: false,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    isolationLevel: 1,
  });
}

let idle = false;

/**
 * Stops kafkajs from waking up every millisecond on an idle connection: its queue re-arms a timer with a delay in the
 * past although nothing is pending (tulios/kafkajs#1704; since Node 24 each one warns). With nothing pending and no
 * throttling the next push arms it again.
 */
export function keepIdleConnectionsIdle(): void {
  if (idle) return;
  idle = true;
  const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}
