import { createRequire } from 'node:module';
import type { Broker, Kafka, KafkaConfig, RecordMetadata } from 'kafkajs';
import Cluster from 'kafkajs/src/cluster/index.js';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import createSocketFactory from 'kafkajs/src/network/socketFactory.js';
import crc32c from 'kafkajs/src/protocol/recordBatch/crc32C/index.js';
import produceDefinition from 'kafkajs/src/protocol/requests/produce/index.js';
import { CollectorError } from '../../../errors.js';

// The only door to what kafkajs does not export. Its files are read by path, so the version is part of the contract.
const KAFKAJS_VERSION = '2.2.4';
const METADATA_MAX_AGE_MS = 60_000;

/** What the coordinator gives a transactional id for: it changes hands with every epoch. */
export interface ProducerIdentity {
  readonly producerId: string;
  readonly producerEpoch: number;
}

/** A connected broker's requests that kafkajs has but its types leave out. Each is one request, never retried here. */
export interface LowLevelBroker extends Broker {
  /** `isolationLevel` 0 gives the true high watermark, 1 the last stable offset; `timestamp` -1 the end, -2 the start. */
  listOffsets(request: {
    replicaId: number;
    isolationLevel: 0 | 1;
    topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[];
  }): Promise<{ responses: { partitions: { partition: number; offset: string }[] }[] }>;
  /** The newest version of a request that kafkajs and the broker both speak. */
  lookupRequest(apiKey: number, definition: RequestDefinition): (request: { acks: number }) => ProtocolRequest;
  /** Below the broker's own methods: the request as it is. */
  readonly connectionPool: { send(request: ProtocolRequest): Promise<ProduceAnswer> };
  findGroupCoordinator(of: { groupId: string; coordinatorType: number }): Promise<{ coordinator: { nodeId: number } }>;
  initProducerId(request: { transactionalId: string; transactionTimeout: number }): Promise<ProducerIdentity>;
  addPartitionsToTxn(
    request: TransactionRequest & { topics: { topic: string; partitions: number[] }[] },
  ): Promise<unknown>;
  endTxn(request: TransactionRequest & { transactionResult: boolean }): Promise<unknown>;
}

/** A request's number, version and body, and how its answer is read. */
interface ProtocolRequest {
  readonly request: { encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }> };
  readonly response: unknown;
}

interface ProduceAnswer {
  readonly topics: readonly { topicName: string; partitions: readonly Omit<RecordMetadata, 'topicName'>[] }[];
}

type RequestDefinition = typeof produceDefinition;

export { crc32c, produceDefinition };

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
export function createCluster(
  kafka: Kafka,
  connection: { readonly brokers: readonly string[]; readonly config: Omit<KafkaConfig, 'brokers'> },
): LowLevelCluster {
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
