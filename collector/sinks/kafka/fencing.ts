import { CollectorError } from '../../errors.js';
import { kafkaErrorRow, nameKafkaError } from './client/error-table.js';
import { createCluster, type ProducerIdentity } from './client/kafkajs.js';
import { TransactionCoordinator } from './client/transaction-coordinator.js';
import { type LaneContext, transactionalIdOf } from './lane-context.js';

/** A producer that holds a transactional id, until another one takes it. */
export interface HeldId {
  readonly coordinator: TransactionCoordinator;
  readonly producer: ProducerIdentity;
}

/**
 * Takes a transactional id over a connection of its own, for as long as `work` runs.
 * @param name of the id within the feed; never a lane's, which would be fenced
 */
export async function holdingId<T>(shared: LaneContext, name: string, work: (held: HeldId) => Promise<T>): Promise<T> {
  const { kafka, connection, settings } = shared;
  const cluster = createCluster(kafka, connection);
  const coordinator = new TransactionCoordinator(cluster, transactionalIdOf(settings, name));
  try {
    await cluster.connect();
    return await work({ coordinator, producer: await coordinator.init(settings.transactionTimeout) });
  } finally {
    await cluster.disconnect().catch(() => undefined);
  }
}

/**
 * Proves that a second producer with the same transactional id fences the first: what keeps two collectors from
 * delivering the same records. A proxy that renames ids, and platforms that only imitate transactions, break it.
 * @param first holds the id `name`; its transaction is aborted
 * @throws CollectorError SINK_REFUSED where the first is not fenced; or whatever kafkajs throws
 */
export function proveFencing(shared: LaneContext, name: string, first: HeldId): Promise<void> {
  return holdingId(shared, name, async () => {
    try {
      await first.coordinator.end(first.producer, 'abort');
    } catch (error) {
      if (isFenced(error)) return;
      // The broker found the producer the present one, and no transaction of it.
      if (!nameKafkaError(error).names.includes('INVALID_TXN_STATE')) throw error;
    }
    throw new CollectorError(
      'SINK_REFUSED',
      'A second producer with the same transactional id does not fence the first: two collectors could deliver the same records.',
      {
        cure: 'Connect to the brokers themselves: a proxy between may rename transactional ids. On a platform without fencing set kafka.delivery to at_least_once, and run one instance.',
      },
    );
  });
}

/** An id that has used up its epochs gets a new producer id: the first is then unknown. */
function isFenced(error: unknown): boolean {
  return kafkaErrorRow(error).code === 'FENCED' || nameKafkaError(error).names.includes('INVALID_PRODUCER_ID_MAPPING');
}
