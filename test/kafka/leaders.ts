import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, ITopicConfig } from 'kafkajs';

/** Brokers learn of what the controller has decided a little later than its answer says. */
const SPREAD_MS = 1_000;

/** Creates topics and waits for their leaders. Of kafkajs' own wait a broker that has not heard of the topic yet makes an error. */
export async function createTopics(admin: Admin, topics: ITopicConfig[]): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics });
  const names = topics.map(({ topic }) => topic);
  const areLed = async () => {
    const { topics: known } = await admin.fetchTopicMetadata({ topics: names });
    return known.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
  };
  // Benches wait for it as well as tests, where a topic without leaders ends by the test's own timeout.
  while (!(await areLed().catch(() => false))) await sleep(100);
}

/**
 * Deletes a topic of the only broker and waits until that takes no more records for it. The answer says what the controller has decided;
 * the broker carries that out in order, so that it answers for a later topic once it has closed the deleted one.
 */
export async function deleteTopic(admin: Admin, topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic] });
  const later = `later-than-${topic}`;
  await createTopics(admin, [{ topic: later, numPartitions: 1, replicationFactor: 1 }]);
  const isServed = () =>
    admin.fetchTopicOffsets(later).then(
      () => true,
      () => false,
    );
  while (!(await isServed())) await sleep(100);
}

/** Creates a topic whose partitions have one replica each, on these brokers. */
export async function createOn(
  admin: Admin,
  topic: string,
  leaders: readonly number[],
  policy = 'delete',
): Promise<void> {
  const replicaAssignment = leaders.map((leader, partition) => ({ partition, replicas: [leader] }));
  const configEntries = [{ name: 'cleanup.policy', value: policy }];
  await admin.createTopics({
    waitForLeaders: false,
    topics: [{ topic, replicaAssignment, numPartitions: -1, replicationFactor: -1, configEntries }],
  });
  await sleep(SPREAD_MS);
}

/** Moves a partition to another broker and waits until that one leads it. */
export async function move(admin: Admin, topic: string, partition: number, leader: number): Promise<void> {
  await admin.alterPartitionReassignments({
    topics: [{ topic, partitionAssignment: [{ partition, replicas: [leader] }] }],
  });
  while ((await leadersOf(admin, topic))[partition] !== leader) await sleep(100);
  await sleep(SPREAD_MS);
}

async function leadersOf(admin: Admin, topic: string): Promise<number[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = [...(topics[0]?.partitions ?? [])].sort((a, b) => a.partitionId - b.partitionId);
  return partitions.map(({ leader }) => leader);
}
