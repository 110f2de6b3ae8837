import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaErrorRow, nameKafkaError } from './error-table.js';
import type { LowLevelBroker, LowLevelCluster, ProducerIdentity } from './kafkajs.js';

/** Kafka's number of the kind of coordinator (FindCoordinator). */
const TRANSACTION = 1;
const ATTEMPTS = 8;
const LONGEST_WAIT_MS = 2_000;
/** The coordinator is still ending the last transaction, or storing the last request. */
const BUSY_OPEN_TRANSACTION_TIMEOUT_MS = 30_000;
const BUSY_FIRST_WAIT_MS = 10;
const BUSY_LONGEST_WAIT_MS = 250;

/**
 * Speaks for one transactional id with the broker that coordinates it. Its requests are repeated until an answer comes: the
 * coordinator takes a repetition of what it has already done for done (Kafka protocol: InitProducerId raises the epoch once
 * more, AddPartitionsToTxn adds nothing). Not so EndTxn: where its answer is lost the request itself may still be on its way,
 * and would end the next transaction of the same epoch before all of it is sent.
 */
export class TransactionCoordinator {
  readonly #cluster: LowLevelCluster;
  readonly #transactionalId: string;
  #broker: LowLevelBroker | undefined;

  constructor(cluster: LowLevelCluster, transactionalId: string) {
    this.#cluster = cluster;
    this.#transactionalId = transactionalId;
  }

  /** A new epoch for the id: fences whoever held it and ends their transaction first. */
  init(transactionTimeout: number): Promise<ProducerIdentity> {
    return this.#ask((broker) => broker.initProducerId({ transactionalId: this.#transactionalId, transactionTimeout }));
  }

  /** Makes partitions part of the transaction; the first ones begin it. */
  async add(producer: ProducerIdentity, topics: { topic: string; partitions: number[] }[]): Promise<void> {
    const { producerId, producerEpoch } = producer;
    const transactionalId = this.#transactionalId;
    await this.#ask((broker) => broker.addPartitionsToTxn({ transactionalId, producerId, producerEpoch, topics }));
  }

  /** Commits or aborts. Where the answer is lost, only a new `init` makes sure that the request does nothing later. */
  async end(producer: ProducerIdentity, outcome: 'commit' | 'abort'): Promise<void> {
    const { producerId, producerEpoch } = producer;
    const transactionalId = this.#transactionalId;
    const transactionResult = outcome === 'commit';
    await this.#ask((broker) => broker.endTxn({ transactionalId, producerId, producerEpoch, transactionResult }), true);
  }

  /** @param once whether a request without an answer is not repeated */
  async #ask<T>(request: (broker: LowLevelBroker) => Promise<T>, once = false): Promise<T> {
    const started = performance.now();
    let failures = 0;
    for (let busy = 0; ; ) {
      let isSent = false;
      try {
        this.#broker ??= await this.#find(failures);
        isSent = true;
        return await request(this.#broker);
      } catch (error) {
        if (once && isSent && !nameKafkaError(error).names.includes('KafkaJSProtocolError')) throw error;
        if (nameKafkaError(error).names.includes('CONCURRENT_TRANSACTIONS')) {
          if (performance.now() - started > BUSY_OPEN_TRANSACTION_TIMEOUT_MS) throw error;
          await sleep(Math.min(BUSY_FIRST_WAIT_MS * 2 ** busy++, BUSY_LONGEST_WAIT_MS));
          continue;
        }
        this.#broker = undefined;
        if (kafkaErrorRow(error).code !== 'SINK_UNAVAILABLE' || ++failures >= ATTEMPTS) throw error;
        await sleep(Math.min(50 * 2 ** failures, LONGEST_WAIT_MS));
      }
    }
  }

  /**
   * Asks one broker after the other. Not through kafkajs' own search, which drops the reason of a refusal (a missing right
   * to the transactional id).
   */
  async #find(attempt: number): Promise<LowLevelBroker> {
    const nodeIds = this.#cluster.getNodeIds();
    const nodeId = nodeIds[attempt % Math.max(1, nodeIds.length)];
    if (nodeId === undefined) await this.#cluster.refreshMetadata();
    const asked = await this.#cluster.findBroker({ nodeId: String(nodeId) });
    const { coordinator } = await asked.findGroupCoordinator({
      groupId: this.#transactionalId,
      coordinatorType: TRANSACTION,
    });
    return this.#cluster.findBroker({ nodeId: String(coordinator.nodeId) });
  }
}
