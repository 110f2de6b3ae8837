/** Parts of kafkajs 2.2.4 that it does not export, as far as they are used here. */
declare module 'kafkajs/src/cluster/index.js' {
  import type { ISocketFactory, KafkaConfig, Logger, Cluster as PublicCluster } from 'kafkajs';

  class Cluster {
    constructor(
      options: Omit<KafkaConfig, 'brokers' | 'logLevel' | 'logCreator'> & {
        brokers: readonly string[];
        logger: Logger;
        socketFactory: ISocketFactory;
        allowAutoTopicCreation: boolean;
        metadataMaxAge: number;
        isolationLevel: number;
      },
    );
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    refreshMetadata(): Promise<void>;
    refreshMetadataIfNecessary(): Promise<void>;
    addTargetTopic(topic: string): Promise<void>;
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    findTopicPartitionMetadata: PublicCluster['findTopicPartitionMetadata'];
    findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
    findBroker(node: { nodeId: string }): Promise<import('./kafkajs.js').LowLevelBroker>;
    getNodeIds(): string[];
  }
  export = Cluster;
}

declare module 'kafkajs/src/network/socketFactory.js' {
  import type { ISocketFactory } from 'kafkajs';

  function createSocketFactory(): ISocketFactory;
  export = createSocketFactory;
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  class RequestQueue {
    readonly pending: readonly unknown[];
    readonly throttledUntil: number;
    scheduleCheckPendingRequests(): void;
  }
  export = RequestQueue;
}

declare module 'kafkajs/src/protocol/recordBatch/crc32C/index.js' {
  /** CRC-32C (Castagnoli), unsigned. */
  function crc32c(bytes: Buffer): number;
  export = crc32c;
}

declare module 'kafkajs/src/protocol/requests/produce/index.js' {
  const definition: { readonly versions: readonly string[] };
  export = definition;
}
